//! Contract: random valid problems over the whole operator agree with the float64 reference, on every path and in both
//! types.
//!
//! `ORT_WEBGPU_ATTENTION_SEED=N` runs the one seed N in each; `ORT_WEBGPU_ATTENTION_SEEDS=N` runs N seeds in each.

mod common;

use std::process::ExitCode;

use common::{DTYPES, Failures, check, path, test};
use mha_gpu::GpuSettings;
use mha_spec::PathChoice;
use mha_testkit::{Case, random};

/// Seeds for each path and type: 2,048 problems in all.
const SEEDS: u64 = 512;

/// Seeds in one test.
const CHUNK: u64 = 2 * random::FAMILY;

fn main() -> ExitCode {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a seed is a number"));
    let (first, end) = match number("ORT_WEBGPU_ATTENTION_SEED") {
        Some(seed) => (seed, seed + 1),
        None => (0, number("ORT_WEBGPU_ATTENTION_SEEDS").unwrap_or(SEEDS)),
    };
    let mut tests = Vec::new();
    for choice in PathChoice::ALL {
        for dtype in DTYPES {
            for start in (first..end).step_by(CHUNK as usize) {
                let seeds = start..(start + CHUNK).min(end);
                tests.push(test(format!("{choice}_{}_from_{start}", dtype.name()), dtype, move |gpu| {
                    let mut failures = Failures::default();
                    for seed in seeds {
                        failures.take(check(gpu, &Case::random(seed, dtype), &path(choice)));
                    }
                    failures.done()
                }));
            }
        }
    }
    common::main(GpuSettings::default(), tests)
}
