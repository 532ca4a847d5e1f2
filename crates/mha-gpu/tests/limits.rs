//! Contract: a call that exceeds a limit of the device, in the size of a binding or in workgroups, is split and gives the
//! same result.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{DTYPES, Failures, ON_MATRICES, PATHS, Test, check_on, lane, path, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::{DeviceCaps, Lane, PlanOptions};
use mha_spec::{
    AdapterChoice, AttentionBias, AttentionProblem, DType, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias,
};
use mha_testkit::{Case, plain};

/// Small enough that each problem below has to be split.
const BINDING: u64 = 4096;

/// Small enough as well, while a tile of scores still fits.
const WORKGROUPS: u32 = 3;

fn main() -> ExitCode {
    let bindings = GpuSettings { max_binding_size: Some(BINDING), ..GpuSettings::default() };
    let workgroups = GpuSettings { max_workgroups: Some(WORKGROUPS), ..GpuSettings::default() };
    let mut tests = Vec::new();
    for choice in PATHS {
        let name = choice.to_string();
        tests.push(split("bindings", &bindings, &name, path(choice), DType::F32));
        tests.push(split("bindings", &bindings, &name, path(choice), DType::F16));
        // Counts of workgroups do not depend on the type.
        tests.push(split("workgroups", &workgroups, &name, path(choice), DType::F32));
    }
    for (on, needs) in ON_MATRICES {
        for dtype in DTYPES {
            tests.push(split("bindings", &bindings, on.name(), lane(on), dtype).needing(needs));
            tests.push(split("workgroups", &workgroups, on.name(), lane(on), dtype).needing(needs));
        }
    }
    tests.push(test("loop_turns", DType::F32, loop_turns));
    common::main(GpuSettings::default(), tests)
}

/// More keys than Mesa's software driver lets one invocation of these lanes loop over.
fn loop_turns(gpu: &Arc<Gpu>) -> Result<(), String> {
    let mut failures = Failures::default();
    let problems = [
        (Lane::Wide, plain(1, 1, 1, 17_000, 512)),
        (Lane::Wide, plain(1, 1, 2, 4_000, 4096)),
        (Lane::Apple, plain(1, 1, 64, 300_000, 8)),
    ];
    for (choice, problem) in problems {
        failures.take(check_on(gpu, gpu.caps(), &Case::new(problem, 1), &lane(choice)).map(drop));
    }
    failures.done()
}

fn split(limit: &str, settings: &GpuSettings, name: &str, options: PlanOptions, dtype: DType) -> Test {
    let settings = settings.clone();
    test(format!("{limit}_{name}_{}", dtype.name()), dtype, move |unlimited: &Arc<Gpu>| {
        let gpu = Gpu::open(&AdapterChoice::Auto, &settings).map_err(|error| error.to_string())?;
        let limits = |caps: &DeviceCaps| (caps.max_binding_size, caps.max_workgroups);
        let expected = limits(unlimited.caps());
        let expected = (settings.max_binding_size.unwrap_or(expected.0), settings.max_workgroups.unwrap_or(expected.1));
        if limits(gpu.caps()) != expected {
            return Err(format!("the device has limits {:?}, not {expected:?}", limits(gpu.caps())));
        }
        let mut failures = Failures::default();
        let mut refused = Vec::new();
        for (seed, problem) in problems(dtype).into_iter().enumerate() {
            let case = Case::new(problem, seed as u64);
            let whole = match mha_plan::plan(&case.problem, unlimited.caps(), &options) {
                Ok(whole) => whole,
                // One lane does not take everything.
                Err(refusal) if options.lane.is_some() => {
                    refused.push(refusal.to_string());
                    continue;
                }
                Err(refusal) => return Err(refusal.to_string()),
            };
            failures.take(check_on(&gpu, gpu.caps(), &case, &options).and_then(|plan| {
                if plan.steps.len() > whole.steps.len() {
                    return Ok(());
                }
                Err(format!(
                    "not split: {} steps, {} without limits; {:?}",
                    plan.steps.len(),
                    whole.steps.len(),
                    case.problem
                ))
            }));
        }
        failures.done()?;
        if refused.len() > problems(dtype).len() / 2 {
            return Err(format!("most are refused: {}", refused.join("; ")));
        }
        Ok(())
    })
}

/// Problems that touch every tensor, each too large for [`BINDING`] and for [`WORKGROUPS`].
fn problems(dtype: DType) -> Vec<AttentionProblem> {
    let both = PresentOutputs { key: true, value: true };
    let plain = |b, n, s, l, h| AttentionProblem { dtype, ..plain(b, n, s, l, h) };
    vec![
        plain(3, 5, 70, 67, 16),
        plain(1, 1, 300, 130, 24),
        // One row over many keys: the keys of one head alone pass the limit.
        plain(1, 5, 1, 200, 15),
        plain(5, 7, 3, 210, 7),
        AttentionProblem { v_head_size: 9, causal: true, qk: Some(dtype), present: both, ..plain(2, 4, 75, 75, 17) },
        AttentionProblem {
            projection_bias: ProjectionBias::QueryKeyValue,
            padding_mask: PaddingMask::QueryKeys,
            attention_bias: Some(AttentionBias { batch: 2, heads: 3, batch_divisor: 1 }),
            past: Past::Growing { len: 83 },
            present: both,
            qk: Some(DType::F32),
            causal: true,
            ..plain(2, 3, 50, 61, 20)
        },
        AttentionProblem {
            padding_mask: PaddingMask::Keys,
            attention_bias: Some(AttentionBias { batch: 1, heads: 1, batch_divisor: 1 }),
            past: Past::Shared { len: 150, capacity: 211 },
            present: both,
            qk: Some(dtype),
            ..plain(4, 4, 2, 2, 12)
        },
        AttentionProblem {
            padding_mask: PaddingMask::BeamKeys,
            attention_bias: Some(AttentionBias { batch: 9, heads: 4, batch_divisor: 3 }),
            past: Past::Shared { len: 33, capacity: 40 },
            beam_width: Some(3),
            present: both,
            qk: Some(dtype),
            // The past of the beams of a group is bound as one.
            ..plain(9, 4, 1, 1, 2)
        },
        // A group's past that is too large to be bound as one, in the short-query lane and the wide one.
        AttentionProblem {
            padding_mask: PaddingMask::BeamKeys,
            past: Past::Shared { len: 50, capacity: 61 },
            beam_width: Some(3),
            present: both,
            qk: Some(dtype),
            ..plain(6, 4, 1, 1, 24)
        },
        AttentionProblem { past: Past::Shared { len: 2, capacity: 3 }, beam_width: Some(2), ..plain(4, 1, 1, 1, 300) },
        // Rows of masks, biases and scores that alone pass a binding.
        AttentionProblem {
            padding_mask: PaddingMask::QueryKeys,
            attention_bias: Some(AttentionBias { batch: 1, heads: 2, batch_divisor: 1 }),
            qk: Some(dtype),
            ..plain(1, 2, 3, 2500, 4)
        },
        AttentionProblem { padding_mask: PaddingMask::Keys, causal: true, ..plain(2, 1, 20, 1500, 5) },
        // Projection biases that pass a binding, for all inputs and for queries alone.
        AttentionProblem {
            projection_bias: ProjectionBias::QueryKeyValue,
            past: Past::Growing { len: 3 },
            v_head_size: 9,
            present: both,
            qk: Some(dtype),
            causal: true,
            ..plain(2, 90, 5, 6, 12)
        },
        AttentionProblem {
            layout: Layout::PackedQkv,
            projection_bias: ProjectionBias::QueryKeyValue,
            ..plain(1, 80, 20, 20, 12)
        },
        AttentionProblem { layout: Layout::PreSplit, projection_bias: ProjectionBias::Query, ..plain(2, 80, 3, 9, 12) },
        AttentionProblem { layout: Layout::PreSplit, present: both, ..plain(3, 4, 40, 90, 10) },
        AttentionProblem { layout: Layout::PackedKv, padding_mask: PaddingMask::KeyLengths, ..plain(2, 4, 40, 90, 10) },
        AttentionProblem { layout: Layout::PackedQkv, present: both, causal: true, ..plain(3, 4, 60, 60, 9) },
    ]
}
