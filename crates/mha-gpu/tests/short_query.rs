//! Contract: a short sequence of queries is answered by the kernel made for it, whatever the number of keys, and the
//! change to the prefill kernels does not show in results.

mod common;

use std::process::ExitCode;

use common::{DTYPES, Failures, PATHS, check_on, path, test};
use mha_gpu::GpuSettings;
use mha_plan::Plan;
use mha_spec::{AttentionProblem, PaddingMask, Past, PresentOutputs};
use mha_testkit::{Case, plain};

/// Longest query that the short-query kernel takes.
const SHORT_QUERY: u32 = 16;

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for choice in PATHS {
        for dtype in DTYPES {
            let name = |what: &str| format!("{choice}_{}_{what}", dtype.name());
            tests.push(test(name("query_lengths"), dtype, move |gpu| {
                let mut failures = Failures::default();
                for q_len in 1..=18 {
                    for (seed, causal) in [(1, false), (2, true)] {
                        let past = Past::Growing { len: 29 };
                        let problem = AttentionProblem {
                            dtype,
                            past,
                            causal: causal && q_len > 1,
                            ..plain(2, 2, q_len, q_len, 64)
                        };
                        let result = check_on(gpu, gpu.caps(), &Case::new(problem, seed), &path(choice));
                        failures.take(
                            result.and_then(|plan| on_lane(&plan, q_len <= SHORT_QUERY, gpu.caps().min_subgroup_size)),
                        );
                    }
                }
                failures.done()
            }));
            tests.push(test(name("numbers_of_keys"), dtype, move |gpu| {
                let mut failures = Failures::default();
                for (seed, keys) in [1, 2, 63, 64, 65, 128, 255, 256, 257, 511, 1025, 3000].into_iter().enumerate() {
                    for (heads, head_size) in [(1, 64), (3, 72)] {
                        let problem = AttentionProblem {
                            dtype,
                            past: Past::Growing { len: keys - 1 },
                            padding_mask: if keys % 2 == 0 { PaddingMask::Keys } else { PaddingMask::None },
                            present: PresentOutputs { key: true, value: true },
                            ..plain(1, heads, 1, 1, head_size)
                        };
                        let result = check_on(gpu, gpu.caps(), &Case::new(problem, seed as u64), &path(choice));
                        failures.take(result.and_then(|plan| on_lane(&plan, true, gpu.caps().min_subgroup_size)));
                    }
                }
                failures.done()
            }));
        }
    }
    common::main(GpuSettings::default(), tests)
}

/// Whether the plan's attention kernel is of the short-query lane. That lane needs subgroups of 4.
fn on_lane(plan: &Plan, short: bool, min_subgroup_size: u32) -> Result<(), String> {
    let is_short = plan.steps.iter().any(|step| step.blueprint.kernel.info().name.starts_with("short_"));
    if is_short == short || min_subgroup_size < 4 { Ok(()) } else { Err(format!("wrong lane: {}", plan.decision)) }
}
