//! Contract: every head size is answered, from 1 to 256 and beyond, for keys and values of different widths as well, in
//! long and in short queries.

mod common;

use std::process::ExitCode;

use common::{DTYPES, Failures, PATHS, check, path, test};
use mha_gpu::GpuSettings;
use mha_spec::{AttentionProblem, DType, Past, PresentOutputs, ProjectionBias};
use mha_testkit::shapes::{HEAD_SIZES, WIDE_HEAD_SIZES};
use mha_testkit::{Case, plain};

/// (head_size, v_head_size) pairs that no single size covers.
const PAIRS: [(u32, u32); 12] = [
    (8, 20),
    (16, 5),
    (1, 64),
    (64, 1),
    (40, 128),
    (128, 40),
    (72, 65),
    (3, 256),
    (256, 3),
    (64, 260),
    (512, 16),
    (33, 34),
];

/// Sizes for short queries, on both sides of each width that their kernel comes in.
const SHORT_QUERY_SIZES: [u32; 13] = [1, 3, 8, 33, 63, 64, 65, 72, 127, 128, 160, 255, 256];

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for choice in PATHS {
        for dtype in DTYPES {
            let name = |what: &str| format!("{choice}_{}_{what}", dtype.name());
            let run = move |problems: Vec<AttentionProblem>| {
                move |gpu: &std::sync::Arc<mha_gpu::Gpu>| {
                    let mut failures = Failures::default();
                    for (seed, problem) in problems.into_iter().enumerate() {
                        failures.take(check(gpu, &Case::new(problem, seed as u64), &path(choice)));
                    }
                    failures.done()
                }
            };
            let long = HEAD_SIZES.into_iter().chain(WIDE_HEAD_SIZES).map(|size| long(dtype, size)).collect();
            tests.push(test(name("long_query"), dtype, run(long)));
            let short = SHORT_QUERY_SIZES.into_iter().map(|size| short(dtype, size)).collect();
            tests.push(test(name("short_query"), dtype, run(short)));
            let pairs = PAIRS.into_iter().map(|(size, v_size)| pair(dtype, size, v_size)).collect();
            tests.push(test(name("value_of_another_size"), dtype, run(pairs)));
        }
    }
    common::main(GpuSettings::default(), tests)
}

/// A query longer than most tiles are high, keys that fill no tile.
fn long(dtype: DType, head_size: u32) -> AttentionProblem {
    AttentionProblem { dtype, ..plain(1, 2, 35, 41, head_size) }
}

/// The same with biased keys and values of different widths, and every output.
fn pair(dtype: DType, head_size: u32, v_head_size: u32) -> AttentionProblem {
    AttentionProblem {
        v_head_size,
        projection_bias: ProjectionBias::QueryKeyValue,
        present: PresentOutputs { key: true, value: true },
        qk: Some(dtype),
        ..long(dtype, head_size)
    }
}

/// One query row over a past.
fn short(dtype: DType, head_size: u32) -> AttentionProblem {
    AttentionProblem {
        dtype,
        past: Past::Growing { len: 37 },
        present: PresentOutputs { key: true, value: true },
        ..plain(2, 2, 1, 1, head_size)
    }
}
