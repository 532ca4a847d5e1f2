//! Contract: each kernel gives the same results with wgpu's run-time checks on and workgroup memory zeroed. What runs
//! without them relies on nothing that they would change.

mod common;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use common::{DTYPES, Failures, LANES, check_on, lane, matrices, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_kernels::KERNELS;
use mha_plan::profile::{self, TuningRow};
use mha_plan::{DeviceCaps, Lane, PlanOptions};
use mha_spec::{AttentionBias, AttentionProblem, DType, PaddingMask, Past, PresentOutputs, ProjectionBias};
use mha_testkit::{Case, plain};

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for dtype in DTYPES {
        for choice in LANES {
            let name = format!("{}_{}", choice.name(), dtype.name());
            tests.push(test(name, dtype, move |gpu| tuning_rows(gpu, choice, dtype)));
        }
        tests.push(test(format!("around_attention_{}", dtype.name()), dtype, move |gpu| around(gpu, dtype)));
    }
    for dtype in DTYPES {
        let run = move |gpu: &Arc<Gpu>| tuning_rows(gpu, Lane::Matrix, dtype);
        tests.push(test(format!("matrix_{}", dtype.name()), dtype, run).needing(matrices));
    }
    // In float16 these compute in float16, as the originals did, and do not meet the tolerance.
    for choice in [Lane::SeedBefore, Lane::SeedAfter] {
        let needs = if choice == Lane::SeedBefore { subgroups_of_16 } else { |_: &DeviceCaps| Ok(()) };
        tests.push(test(choice.name(), DType::F32, move |gpu| seeds(gpu, choice)).needing(needs));
    }
    common::main(GpuSettings { checks: true, ..GpuSettings::default() }, tests)
}

/// Every kernel of a lane, by the rows of its tuning tables: with vector access bare and with every feature, with scalar
/// access in one of the two forms at least.
fn tuning_rows(gpu: &Gpu, choice: Lane, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    let mut seen = BTreeSet::new();
    let mut refused = Vec::new();
    for (row, head_size) in rows(choice, dtype) {
        let options = PlanOptions { row, ..lane(choice) };
        for head_size in [head_size, head_size - 4, head_size - 1] {
            let problems = [("full", full(dtype, head_size, choice)), ("bare", bare(dtype, head_size, choice))];
            for (features, problem) in problems {
                let plan = match mha_plan::plan(&problem, gpu.caps(), &options) {
                    Ok(plan) => plan,
                    // A row may be for larger devices.
                    Err(refusal) => {
                        refused.push(refusal.to_string());
                        continue;
                    }
                };
                // A software GPU compiles for seconds: with scalar access, one form of a kernel is enough.
                let scalar = head_size % 4 != 0;
                let mut new = false;
                for step in &plan.steps {
                    let name = step.blueprint.kernel.info().name;
                    let known = scalar && seen.iter().any(|(other, _)| *other == name);
                    new |= seen.insert((name, features)) && !known;
                }
                if new {
                    failures.take(check_on(gpu, gpu.caps(), &Case::new(problem, 1), &options).map(drop));
                }
            }
        }
    }
    failures.done()?;
    let of_lane = |name: &&str| name.starts_with(&format!("{}_{}", choice.name(), dtype.name()));
    // Lanes of a row group are those of one subgroup; a kernel on matrices is for one size of each.
    let caps = gpu.caps();
    let fits = |name: &&str| {
        let lanes = name.split('_').find_map(|part| part.strip_prefix('l')?.parse::<u32>().ok());
        lanes.is_none_or(|lanes| match choice {
            Lane::Matrix => {
                lanes == caps.min_subgroup_size
                    && caps.coop_matrices.iter().any(|shape| name.contains(&format!("_m{}r", shape.m)))
            }
            _ => lanes <= caps.min_subgroup_size,
        })
    };
    let ran = |name: &str| seen.iter().any(|(other, _)| *other == name);
    let missing: Vec<&str> =
        KERNELS.iter().map(|k| k.name).filter(of_lane).filter(fits).filter(|name| !ran(name)).collect();
    match missing[..] {
        [] => Ok(()),
        _ => Err(format!("no tuning row reaches {}; refused: {}", missing.join(", "), refused.join(", "))),
    }
}

/// The rows of a lane, each with its largest head size. The wide lane has none and takes any size.
fn rows(choice: Lane, dtype: DType) -> Vec<(Option<TuningRow>, u32)> {
    if choice == Lane::Wide {
        return vec![(None, 72), (None, 320)];
    }
    let of_lane = |name: &str| name.split('_').next() == Some(choice.name());
    let tables = profile::TABLES.iter().filter(|(name, _)| of_lane(name));
    let rows = tables.flat_map(|(_, text)| profile::parse(text).expect("a table of the program parses"));
    rows.filter(|row| row.dtype == dtype).map(|row| (Some(row.clone()), row.max_head_size)).collect()
}

/// The kernels around attention: presents, qk in each type it may have, and the merge of key splits.
fn around(gpu: &Gpu, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    let mut seen = BTreeSet::new();
    for head_size in [8, 7] {
        for qk in [dtype, DType::F32] {
            let problem = AttentionProblem { qk: Some(qk), ..full(dtype, head_size, Lane::Short) };
            let result = check_on(gpu, gpu.caps(), &Case::new(problem, 2), &lane(Lane::Short));
            failures
                .take(result.map(|plan| seen.extend(plan.steps.iter().map(|step| step.blueprint.kernel.info().name))));
        }
    }
    failures.done()?;
    let around = |name: &str| {
        ["combine", "present", "scores"].iter().any(|f| name.starts_with(&format!("{f}_{}", dtype.name())))
    };
    let missing: Vec<&str> =
        KERNELS.iter().map(|kernel| kernel.name).filter(|n| around(n) && !seen.contains(n)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no problem here reaches {}", missing.join(", "))) }
}

/// The kernels that benchmarks compare with.
fn seeds(gpu: &Gpu, choice: Lane) -> Result<(), String> {
    let mut failures = Failures::default();
    for head_size in [40, 64, 128] {
        let problem = bare(DType::F32, head_size, choice);
        failures.take(check_on(gpu, gpu.caps(), &Case::new(problem, 1), &lane(choice)).map(drop));
    }
    failures.done()
}

fn subgroups_of_16(caps: &DeviceCaps) -> Result<(), String> {
    match caps.min_subgroup_size {
        16.. => Ok(()),
        least => Err(format!("seed-before needs subgroups of 16 or more, got {least}")),
    }
}

/// A short or a long query, as the lane takes it, over keys enough for splits, with nothing else.
fn bare(dtype: DType, head_size: u32, choice: Lane) -> AttentionProblem {
    let (q_len, kv_len) = if choice == Lane::Short { (3, 700) } else { (39, 70) };
    AttentionProblem { dtype, ..plain(1, 2, q_len, kv_len, head_size) }
}

/// The same with every feature that a kernel compiles in or out.
fn full(dtype: DType, head_size: u32, choice: Lane) -> AttentionProblem {
    AttentionProblem {
        past: Past::Growing { len: 33 },
        projection_bias: if choice == Lane::Matrix && dtype == DType::F16 {
            ProjectionBias::None
        } else {
            ProjectionBias::QueryKeyValue
        },
        padding_mask: PaddingMask::QueryKeys,
        attention_bias: Some(AttentionBias { batch: 1, heads: 2, batch_divisor: 1 }),
        causal: true,
        present: PresentOutputs { key: true, value: true },
        ..bare(dtype, head_size, choice)
    }
}
