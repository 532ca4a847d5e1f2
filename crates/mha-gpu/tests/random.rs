//! Contract: random valid problems over the whole operator agree with the float64 reference, on the paths that have
//! lanes of their own and in both types.
//!
//! `ORT_WEBGPU_ATTENTION_SEED=N` runs the one seed N in each; `ORT_WEBGPU_ATTENTION_SEEDS=N` runs N seeds in each.

mod common;

use std::process::ExitCode;

use common::{DTYPES, Failures, PATHS, check_on, path, test};
use mha_gpu::GpuSettings;
use mha_plan::DeviceKind;
use mha_spec::PathChoice;
use mha_testkit::{Case, random};

/// Problems for each path and type: 32 families of features, which two cores answer in half a minute, or in five where every kernel has
/// yet to be compiled. A change of kernels deserves more.
const SEEDS: u64 = 1024;

/// Seeds in one test.
const CHUNK: u64 = 2 * random::FAMILY;

fn main() -> ExitCode {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a seed is a number"));
    let (first, end) = match number("ORT_WEBGPU_ATTENTION_SEED") {
        Some(seed) => (seed, seed + 1),
        None => (0, number("ORT_WEBGPU_ATTENTION_SEEDS").unwrap_or(SEEDS)),
    };
    let mut tests = Vec::new();
    for choice in PATHS {
        for dtype in DTYPES {
            for start in (first..end).step_by(CHUNK as usize) {
                let seeds = start..(start + CHUNK).min(end);
                tests.push(test(format!("{choice}_{}_from_{start}", dtype.name()), dtype, move |gpu| {
                    let mut failures = Failures::default();
                    // In turns paths plan as for each device that their tables tell apart. An M1 is an integrated GPU on either path.
                    let mut caps = gpu.caps().clone();
                    match (choice, start / CHUNK % 4) {
                        (PathChoice::Apple, 1) => caps.name = "Apple M4 Max".into(),
                        (PathChoice::Baseline, 1) | (_, 2) => caps.kind = DeviceKind::Discrete,
                        (_, 3) => (caps.name, caps.kind) = ("Apple M1".into(), DeviceKind::Integrated),
                        _ => {}
                    }
                    for seed in seeds {
                        failures.take(check_on(gpu, &caps, &Case::random(seed, dtype), &path(choice)).map(drop));
                    }
                    failures.done()
                }));
            }
        }
    }
    common::main(GpuSettings::default(), tests)
}
