//! Contract: one key may outweigh all that came before it by any factor, wherever it stands, and many may weigh the same, however
//! large their scores are.

mod common;

use std::process::ExitCode;

use common::{DTYPES, Failures, LANES, check, lane, run, table_rows, test, tile_rows};
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

/// Tiles of lane rows whose loop of whole tiles, or one loop for all, is of its own, whatever device they are for.
fn rows_with_own_loops(gpu: &Gpu, dtype: DType) -> Vec<TuningRow> {
    tile_rows(gpu, Lane::Rows, dtype, |row| row.tile.contains(['p', 'f', 'k', 'o']))
}

/// Their loops, going on, scaled down after a smaller jump, and begun again after a larger one, in the third tile and not among the first
/// keys of a split: with all keys in one, and in those that the planner makes.
fn turns(gpu: &Gpu, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    for (seed, row) in rows_with_own_loops(gpu, dtype).into_iter().enumerate() {
        let head_size = row.max_head_size as usize;
        let plain = plain(1, 1, 70, 200, row.max_head_size);
        let position = 2 * row.key_tile as usize + 13;
        for (jump, splits) in [(0.0, None), (KEYS[0], Some(1)), (KEYS[1], Some(1)), (KEYS[1], None)] {
            let v_head_size = if jump == 0.0 { row.max_head_size - 4 } else { row.max_head_size };
            let problem = AttentionProblem { dtype, v_head_size, ..plain.clone() };
            let options = PlanOptions { row: Some(TuningRow { splits, ..row.clone() }), ..lane(Lane::Rows) };
            let mut case = Case::new(problem, seed as u64);
            case.inputs.query.chunks_exact_mut(head_size).for_each(|row| row[0] = QUERY);
            case.inputs.key.chunks_exact_mut(head_size).for_each(|row| row[0] = 0.0);
            case.inputs.key[position * head_size] = jump;
            failures.take(check(gpu, &case, &options).map_err(|error| format!("{row}: {error}")));
        }
    }
    failures.done()
}

/// Scores of 0 to 3e9, the same for all keys of one split: each lane's sum of weights grows past 256 and is scaled down. Equal scores give
/// what scores of 0 give, to whose tolerance they are held: that of large scores allows for their rounding.
fn equal_keys(gpu: &Gpu, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    let first = |head_size| table_rows(Lane::Rows, dtype).find(|row| row.max_head_size == head_size);
    let mut rows: Vec<TuningRow> = HEAD_SIZES.into_iter().filter_map(first).collect();
    rows.retain(|row| gpu.caps().min_subgroup_size >= row.lanes);
    let few_keys = |row: &TuningRow| row.most_keys.is_some() || row.tile.contains("v2");
    rows.extend(rows_with_own_loops(gpu, dtype).into_iter().filter(few_keys));
    for (seed, row) in rows.into_iter().enumerate() {
        let head_size = row.max_head_size;
        let row = TuningRow { splits: Some(1), ..row };
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
