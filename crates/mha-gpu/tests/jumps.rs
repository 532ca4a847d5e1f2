//! Contract: one key may outweigh all that came before it by any factor, wherever it stands.

mod common;

use std::process::ExitCode;

use common::{DTYPES, Failures, LANES, check, lane, test};
use mha_gpu::GpuSettings;
use mha_spec::{AttentionProblem, DType};
use mha_testkit::{Case, plain};

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
