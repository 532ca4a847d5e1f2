//! Contract: in float32 errors of sums are those of the chains of additions that a tile's name promises: values of several keys are summed
//! from zero, and scores are two chains and weights summed for each tile where it says so.

mod common;

use std::process::ExitCode;

use common::{Failures, lane, run, test, tile_rows};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::profile::TuningRow;
use mha_plan::{Lane, PlanOptions};
use mha_spec::DType;
use mha_testkit::{Case, Expected, plain};

/// Keys of a long sum, and the root mean square of its errors: with values added one by one 3.0e-8, four of them summed from
/// zero 1.6e-8, eight 1.4e-8 in lane rows and 1.2e-8 in lane apple.
const LONG: u32 = 4_096;
const LONG_ERROR: f64 = 2.2e-8;
/// Head sizes of tiles that sum so, and that have few registers for it.
const HEAD_SIZES: [u32; 3] = [40, 64, 80];
/// Scores of such a deviation make their own errors the largest; two chains of half the length have 0.8 to 0.9 of them by emulation
/// (`crates/mha-bench/rounding.py`).
const SCORE_DEVIATION: f64 = 9.0;
const FEW: u32 = 77;
const LESS: f64 = 0.95;

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for choice in [Lane::Rows, Lane::Apple] {
        let name = format!("{}_f32_long_sums", choice.name());
        tests.push(test(name, DType::F32, move |gpu| long_sums(gpu, choice)));
    }
    tests.push(test("rows_f32_two_chains".to_owned(), DType::F32, |gpu| two_chains(gpu)));
    tests.push(test("rows_f32_sums_of_tiles".to_owned(), DType::F32, |gpu| sums_of_tiles(gpu)));
    common::main(GpuSettings::default(), tests)
}

/// The root mean square of a case's errors by a tuning row, without splits, and how it was planned.
fn error(gpu: &Gpu, case: &Case, choice: Lane, row: TuningRow) -> Result<(f64, String), String> {
    let expected = Expected::of(case);
    let options = PlanOptions { row: Some(TuningRow { splits: Some(1), ..row }), ..lane(choice) };
    let plan = mha_plan::plan(&case.problem, gpu.caps(), &options).map_err(|refusal| refusal.to_string())?;
    let outputs = run(gpu, case, &plan, &expected)?;
    let got = outputs[0].1.as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
    let squares: Vec<f64> = got.zip(expected.output()).map(|(got, want)| (got - want).powi(2)).collect();
    Ok(((squares.iter().sum::<f64>() / squares.len() as f64).sqrt(), plan.decision))
}

/// The tiles of a lane for heads of some size.
fn tiles(gpu: &Gpu, choice: Lane, head_size: u32, is_wanted: impl Fn(&str) -> bool) -> Vec<TuningRow> {
    tile_rows(gpu, choice, DType::F32, |row| row.max_head_size == head_size && is_wanted(&row.tile))
}

/// Errors over thousands of keys, by the tiles that sum from zero.
fn long_sums(gpu: &Gpu, choice: Lane) -> Result<(), String> {
    let mut failures = Failures::default();
    for head_size in HEAD_SIZES {
        let case = Case::new(plain(1, 1, 16, LONG, head_size), 0);
        for row in tiles(gpu, choice, head_size, |tile| tile.contains(['f', 'o'])) {
            failures.take(error(gpu, &case, choice, row).and_then(|(error, decision)| match error <= LONG_ERROR {
                true => Ok(()),
                false => Err(format!("an error of {LONG_ERROR:.1e} at most is wanted, got {error:.1e}: {decision}")),
            }));
        }
    }
    failures.done()
}

/// Errors of large scores over few keys with two chains, relative to those with one.
fn two_chains(gpu: &Gpu) -> Result<(), String> {
    let mut case = Case::new(plain(1, 4, 128, FEW, 40), 0);
    case.inputs.query.iter_mut().for_each(|x| *x *= SCORE_DEVIATION);
    less(gpu, &case, "x2", "v2t")
}

/// Errors of values that are all 1 over many keys with a sum of weights for each tile, relative to those with one sum. O and the sum of weights
/// are then of one size, and so are their errors with one sum; with sums of tiles the chain of weights is a third as long, and the error of the quotient
/// 0.8 to 0.9 of what it was. The other tile has scores in two chains besides, and makes its reference of the first turn, neither of which counts here.
fn sums_of_tiles(gpu: &Gpu) -> Result<(), String> {
    let mut case = Case::new(plain(1, 4, 128, LONG, 40), 0);
    case.inputs.value.iter_mut().for_each(|x| *x = 1.0);
    less(gpu, &case, "v2t", "x2")
}

/// Whether the tile of lane rows for heads of 40 whose name has `one` makes less of an error than the one with `other`.
fn less(gpu: &Gpu, case: &Case, one: &str, other: &str) -> Result<(), String> {
    let of = |text: &str| match &tiles(gpu, Lane::Rows, 40, |tile| tile.contains(text))[..] {
        [row] => error(gpu, case, Lane::Rows, row.clone()),
        rows => Err(format!("one tile with {text} is wanted, got {rows:?}")),
    };
    let ((one, told), (other, beside)) = (of(one)?, of(other)?);
    match one <= LESS * other {
        true => Ok(()),
        false => Err(format!("{LESS} of the error of {beside} at most is wanted, {other:.2e}, got {one:.2e}: {told}")),
    }
}
