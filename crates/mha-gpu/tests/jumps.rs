//! Contract: one key may outweigh all that came before it by any factor, wherever it stands, and many may weigh the same, however
//! large their scores are. Over thousands of keys errors stay small.

mod common;

use std::process::ExitCode;

use common::{DTYPES, Failures, LANES, check, lane, run, table_rows, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::profile::TuningRow;
use mha_plan::{Lane, PlanOptions};
use mha_spec::{AttentionProblem, DType};
use mha_testkit::{Case, Expected, plain};

/// A head size for each number of lanes that row groups have.
const HEAD_SIZES: [u32; 4] = [8, 40, 64, 128];
/// Keys that outweigh: within the first tile but not its first keys, in a later one, the last.
const POSITIONS: [usize; 3] = [13, 77, 199];
/// What the key has in column 0, where queries have [`QUERY`]: scores jump by 22 to 2,896, so that exp of some is infinite.
const KEYS: [f64; 3] = [64.0, 256.0, 2048.0];
const QUERY: f64 = 4.0;
/// Keys of a long sum, and the root mean square of its errors in float32: with values added one by one 3.0e-8, four of them summed from
/// zero 1.6e-8, eight 1.4e-8 in lane rows and 1.2e-8 in lane apple.
const LONG: u32 = 4_096;
const LONG_ERROR: f64 = 2.2e-8;

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for choice in LANES {
        for dtype in DTYPES {
            for causal in [false, true] {
                let how = if causal { "causal" } else { "full" };
                tests.push(test(format!("{}_{}_{how}", choice.name(), dtype.name()), dtype, move |gpu| {
                    let mut failures = Failures::default();
                    for case in cases(dtype, causal) {
                        failures.take(check(gpu, &case, &lane(choice)));
                    }
                    failures.done()
                }));
            }
        }
    }
    for dtype in DTYPES {
        tests.push(test(format!("rows_{}_turns", dtype.name()), dtype, move |gpu| turns(gpu, dtype)));
        tests.push(test(format!("rows_{}_equal_keys", dtype.name()), dtype, move |gpu| equal_keys(gpu, dtype)));
    }
    for choice in [Lane::Rows, Lane::Apple] {
        let name = format!("{}_f32_long_sums", choice.name());
        tests.push(test(name, DType::F32, move |gpu| long_sums(gpu, choice)));
    }
    common::main(GpuSettings::default(), tests)
}

fn cases(dtype: DType, causal: bool) -> impl Iterator<Item = Case> {
    HEAD_SIZES.into_iter().enumerate().flat_map(move |(i, head_size)| {
        POSITIONS.into_iter().enumerate().map(move |(j, position)| {
            let problem = AttentionProblem { dtype, causal, ..plain(1, 2, 200, 200, head_size) };
            let head_size = head_size as usize;
            let mut case = Case::new(problem, (i * POSITIONS.len() + j) as u64);
            case.inputs.query.chunks_exact_mut(head_size).for_each(|row| row[0] = QUERY);
            for (at, row) in case.inputs.key.chunks_exact_mut(head_size).enumerate() {
                // Two heads to a key.
                row[0] = if at / 2 == position { KEYS[(i + j) % KEYS.len()] } else { 0.0 };
            }
            case
        })
    })
}

/// Lane rows by each of its tuning rows that adds values in a way of its own, whatever device it is for: its loop of whole tiles, begun
/// again after a jump, and going on. One row for each kernel, as a software GPU compiles them for seconds.
fn turns(gpu: &Gpu, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    let mut rows: Vec<TuningRow> = table_rows(Lane::Rows, dtype).filter(|row| row.tile.contains(['p', 'f'])).collect();
    rows.dedup_by_key(|row| row.tile.clone());
    assert!(rows.len() >= 3, "tuning rows of lane rows name ways to add values");
    for (seed, row) in rows.into_iter().enumerate() {
        if gpu.caps().min_subgroup_size < row.lanes {
            continue;
        }
        let options = PlanOptions { row: Some(row.clone()), ..lane(Lane::Rows) };
        let plain = plain(1, 1, 70, 200, row.max_head_size);
        for (jump, v_head_size) in [(0.0, row.max_head_size - 4), (KEYS[1], row.max_head_size)] {
            let problem = AttentionProblem { dtype, v_head_size, ..plain.clone() };
            let mut case = Case::new(problem, seed as u64);
            let head_size = row.max_head_size as usize;
            case.inputs.query.chunks_exact_mut(head_size).for_each(|row| row[0] = QUERY);
            case.inputs.key.chunks_exact_mut(head_size).for_each(|row| row[0] = 0.0);
            case.inputs.key[POSITIONS[1] * head_size] = jump;
            failures.take(check(gpu, &case, &options).map_err(|error| format!("{row}: {error}")));
        }
    }
    failures.done()
}

/// Scores of 0 to 3e9, the same for all keys of one split: each lane's sum of weights grows past 256 and is scaled down. Equal scores give
/// what scores of 0 give, to whose tolerance they are held: that of large scores allows for their rounding.
fn equal_keys(gpu: &Gpu, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    for (seed, head_size) in HEAD_SIZES.into_iter().enumerate() {
        let row =
            table_rows(Lane::Rows, dtype).find(|row| row.max_head_size == head_size).expect("a head size has a row");
        let row = TuningRow { splits: Some(1), ..row };
        if gpu.caps().min_subgroup_size < row.lanes {
            continue;
        }
        let options = PlanOptions { row: Some(row), ..lane(Lane::Rows) };
        let problem = AttentionProblem { dtype, ..plain(1, 1, 20, 2_500, head_size) };
        let plan = mha_plan::plan(&problem, gpu.caps(), &options).map_err(|refusal| refusal.to_string())?;
        let mut case = Case::new(problem, seed as u64);
        case.inputs.query.fill(0.0);
        let expected = Expected::of(&case);
        for size in [0.0, 30.0, 1000.0, 20_000.0] {
            case.inputs.query.fill(size);
            case.inputs.key.fill(size);
            let told = |what: String| format!("queries and keys of {size}, {}: {what}", plan.decision);
            failures.take(run(gpu, &case, &plan, &expected).map_err(told).and_then(|outputs| {
                let [(tensor, bytes)] = &outputs[..] else { return Err(told("one output is wanted".to_owned())) };
                expected.check(*tensor, bytes).map(drop).map_err(|mismatch| told(mismatch.to_string()))
            }));
        }
    }
    failures.done()
}

/// Errors of long sums, by the tiles of a lane for heads of 64 that sum from zero.
fn long_sums(gpu: &Gpu, choice: Lane) -> Result<(), String> {
    let mut failures = Failures::default();
    let problem = plain(1, 1, 16, LONG, 64);
    let case = Case::new(problem.clone(), 0);
    let expected = Expected::of(&case);
    let of_64 = |row: &TuningRow| row.max_head_size == 64 && row.tile.contains('f');
    let mut rows: Vec<TuningRow> = table_rows(choice, DType::F32).filter(of_64).collect();
    rows.sort_by(|a, b| a.tile.cmp(&b.tile));
    rows.dedup_by_key(|row| row.tile.clone());
    assert!(!rows.is_empty(), "{choice:?} has tiles that sum from zero");
    for row in rows.into_iter().filter(|row| gpu.caps().min_subgroup_size >= row.lanes) {
        let options = PlanOptions { row: Some(TuningRow { splits: Some(1), ..row }), ..lane(choice) };
        let plan = mha_plan::plan(&problem, gpu.caps(), &options).map_err(|refusal| refusal.to_string())?;
        failures.take(run(gpu, &case, &plan, &expected).and_then(|outputs| {
            let got = outputs[0].1.as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
            let squares: Vec<f64> = got.zip(expected.output()).map(|(got, want)| (got - want).powi(2)).collect();
            let error = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
            match error <= LONG_ERROR {
                true => Ok(()),
                false => {
                    Err(format!("an error of {LONG_ERROR:.1e} at most is wanted, got {error:.1e}: {}", plan.decision))
                }
            }
        }));
    }
    failures.done()
}
