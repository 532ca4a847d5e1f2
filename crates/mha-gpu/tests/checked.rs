//! Contract: each kernel of the catalogue gives the same results with wgpu's run-time checks on and workgroup memory
//! zeroed. What runs without them relies on nothing that they would change.

mod common;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use common::{DTYPES, Failures, check_on, lane, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_kernels::KERNELS;
use mha_plan::{DeviceCaps, Lane};
use mha_spec::{AttentionBias, AttentionProblem, DType, PaddingMask, Past, PresentOutputs, ProjectionBias};
use mha_testkit::{Case, plain};

/// Largest head sizes of tuning rows, one less than which is no multiple of 4, and one beyond all.
const HEAD_SIZES: [u32; 12] = [8, 16, 32, 40, 64, 80, 96, 128, 160, 192, 256, 320];

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for dtype in DTYPES {
        for choice in Lane::ALL {
            let name = format!("{}_{}", choice.name(), dtype.name());
            tests.push(test(name, dtype, move |gpu| lane_with_checks(gpu, choice, dtype)));
        }
    }
    common::main(GpuSettings { checks: true, ..GpuSettings::default() }, tests)
}

/// Every tuning row of a lane: by head size, by the generations of GPUs that have tables of their own, and by what
/// devices with less offer.
fn lane_with_checks(gpu: &Arc<Gpu>, choice: Lane, dtype: DType) -> Result<(), String> {
    let real = gpu.caps();
    let named = |name: &str| DeviceCaps { name: name.into(), ..real.clone() };
    let mut devices = vec![real.clone()];
    if choice == Lane::Apple {
        devices.extend([named("Apple M1"), named("Apple M4 Max")]);
    }
    if real.subgroups && real.min_subgroup_size > 4 {
        devices.extend(devices.clone().into_iter().map(|caps| DeviceCaps { min_subgroup_size: 4, ..caps }));
    }
    devices.push(DeviceCaps { subgroups: false, min_subgroup_size: 1, max_subgroup_size: 1, ..real.clone() });

    let mut failures = Failures::default();
    let mut seen = BTreeSet::new();
    for caps in &devices {
        for head_size in HEAD_SIZES.into_iter().flat_map(|size| [size, size - 1]) {
            for problem in [bare(dtype, head_size, choice), full(dtype, head_size, choice)] {
                let Ok(plan) = mha_plan::plan(&problem, caps, &lane(choice)) else { continue };
                let kernels: BTreeSet<&str> = plan.steps.iter().map(|step| step.blueprint.kernel.info().name).collect();
                if kernels.is_subset(&seen) && head_size % 4 == 0 {
                    continue;
                }
                seen.extend(kernels);
                let case = Case::new(problem, u64::from(head_size));
                failures.take(check_on(gpu, caps, &case, &lane(choice)).map(drop));
            }
        }
    }
    failures.done()?;
    missing(real, choice, dtype, &seen)
}

/// A short or a long query, as the lane takes it, over keys enough for splits, with nothing else.
fn bare(dtype: DType, head_size: u32, choice: Lane) -> AttentionProblem {
    let q_len = if choice == Lane::Short { 1 + head_size % 5 } else { 39 };
    let kv_len = if choice == Lane::Short { 700 } else { 70 };
    AttentionProblem { dtype, ..plain(1, 2, q_len, kv_len, head_size) }
}

/// The same with every feature that a kernel compiles in or out.
fn full(dtype: DType, head_size: u32, choice: Lane) -> AttentionProblem {
    let qk = if head_size % 8 < 4 { dtype } else { DType::F32 };
    AttentionProblem {
        past: Past::Growing { len: 33 },
        projection_bias: ProjectionBias::QueryKeyValue,
        padding_mask: PaddingMask::QueryKeys,
        attention_bias: Some(AttentionBias { batch: 1, heads: 2, batch_divisor: 1 }),
        causal: bare(dtype, head_size, choice).q_len > 1,
        present: PresentOutputs { key: true, value: true },
        qk: Some(qk),
        ..bare(dtype, head_size, choice)
    }
}

/// Kernels of a lane, and with the short lane those around attention, that no plan here holds.
fn missing(caps: &DeviceCaps, choice: Lane, dtype: DType, seen: &BTreeSet<&str>) -> Result<(), String> {
    let mut families = vec![choice.name()];
    if choice == Lane::Short {
        families.extend(["combine", "present", "scores"]);
    }
    let prefixes = families.into_iter().map(|family| format!("{family}_{}", dtype.name()));
    let prefixes: Vec<String> = prefixes.collect();
    let of_lane = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
    // Each kernel on matrices is for one size of subgroups and of matrices.
    let runs_here = |name: &str| {
        let sides = caps.coop_matrices.iter().map(|shape| shape.m);
        choice != Lane::Matrix
            || sides.into_iter().any(|side| name.contains(&format!("_l{}_m{side}r", caps.min_subgroup_size)))
    };
    let missing: Vec<&str> = KERNELS
        .iter()
        .map(|kernel| kernel.name)
        .filter(|name| of_lane(name) && runs_here(name) && !seen.contains(name))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("kernels that no problem here reaches: {}", missing.join(", ")))
    }
}
