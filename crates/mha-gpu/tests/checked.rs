//! Contract: each kernel gives the same results with wgpu's run-time checks on and workgroup memory zeroed. What runs
//! without them relies on nothing that they would change.

mod common;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use common::{DTYPES, Failures, LANES, OF_SOFTWARE, ON_MATRICES, check_on, lane, run, subgroups_of, table_rows, test};
use half::f16;
use mha_gpu::{Gpu, GpuSettings};
use mha_kernels::KERNELS;
use mha_plan::profile::TuningRow;
use mha_plan::{DeviceCaps, DeviceKind, Lane, PlanOptions};
use mha_spec::{
    AdapterChoice, AttentionBias, AttentionProblem, DType, PaddingMask, Past, PresentOutputs, ProjectionBias,
};
use mha_testkit::{Case, Expected, plain};

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for dtype in DTYPES {
        for choice in LANES {
            let mut sizes: Vec<u32> = rows(choice, dtype).iter().map(|(row, _)| lanes_of(row)).collect();
            sizes.sort_unstable();
            sizes.dedup();
            for lanes in sizes {
                let name = format!("{}_{}_lanes{lanes}", choice.name(), dtype.name());
                let run = move |gpu: &Arc<Gpu>| tuning_rows(gpu, choice, dtype, lanes);
                let needs = move |caps: &DeviceCaps| {
                    let of_device = |(row, _): &(Option<TuningRow>, u32)| lanes_of(row) == lanes && is_for(row, caps);
                    subgroups_of(lanes, caps).and_then(|()| match rows(choice, dtype).iter().any(of_device) {
                        true => Ok(()),
                        false => {
                            Err(format!("all tiles of {} with {lanes} lanes are for software devices", choice.name()))
                        }
                    })
                };
                tests.push(test(name, dtype, run).needing(needs));
            }
        }
        tests.push(test(format!("around_attention_{}", dtype.name()), dtype, move |gpu| around(gpu, dtype)));
    }
    for dtype in DTYPES {
        for (choice, needs) in ON_MATRICES {
            let run = move |gpu: &Arc<Gpu>| tuning_rows(gpu, choice, dtype, gpu.caps().min_subgroup_size);
            tests.push(test(format!("{}_{}", choice.name(), dtype.name()), dtype, run).needing(needs));
        }
    }
    for choice in [Lane::SeedBefore, Lane::SeedAfter] {
        for dtype in DTYPES {
            let lanes = if choice == Lane::SeedBefore { 16 } else { 1 };
            let name = format!("{}_{}_lanes{lanes}", choice.name(), dtype.name());
            let needs = move |caps: &DeviceCaps| subgroups_of(lanes, caps);
            tests.push(test(name, dtype, move |gpu| seeds(gpu, choice, dtype)).needing(needs));
        }
    }
    for dtype in DTYPES {
        tests.push(test(format!("features_{}", dtype.name()), dtype, move |gpu| features(gpu, dtype)));
    }
    common::main(GpuSettings { checks: true, ..GpuSettings::default() }, tests)
}

/// Every kernel of a lane whose groups have so many lanes, by the rows of its tuning tables: with vector access with every feature, and
/// bare on the first tile, since what features leave out is in files that all tiles of a portable lane share, but for lane rows' loop of
/// whole tiles (`jumps` has each that is of its own); on matrices, which load bare keys in a way of their own, and with tiles in float16 on
/// every tile. With scalar access in one of the two forms at least; on a software device, which compiles each for seconds, portable lanes
/// with the first tile alone, as access is in files of its own too, and of tiles of lane rows that differ in how they add values where
/// nothing is masked one alone, as with every feature they are the same code, but for values in halves. Tiles for software devices have
/// loops of their own for bare problems; GPUs, which never take them, don't run them: on an H200 the tests did not end within two minutes
/// with them.
fn tuning_rows(gpu: &Gpu, choice: Lane, dtype: DType, lanes: u32) -> Result<(), String> {
    let mut failures = Failures::default();
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut bare_access = BTreeSet::new();
    let mut refused = Vec::new();
    let is_scalar = |name: &str| name.split('_').any(|part| part == "scalar");
    let is_software = gpu.caps().kind == DeviceKind::Software;
    let one_scalar = is_software && !choice.on_matrices();
    let told = |name: &'static str| if is_software && choice == Lane::Rows { without_turn(name) } else { name };
    let of_lanes = |row: &Option<TuningRow>| lanes_of(row) == lanes && is_for(row, gpu.caps());
    for (row, head_size) in rows(choice, dtype).into_iter().filter(|(row, _)| of_lanes(row)) {
        // A tile in float16 is for keys without a bias, so that a bare problem alone reaches it.
        let bare_alone = row.as_ref().is_some_and(|row| row.tile.ends_with('h'));
        let has_own_loop = row.as_ref().is_some_and(|row| row.tile.ends_with(OF_SOFTWARE));
        let options = PlanOptions { row, ..lane(choice) };
        for head_size in [head_size, head_size - 4, head_size - 1] {
            let bare = AttentionProblem { causal: has_own_loop, ..bare(dtype, head_size, choice) };
            let problems = [("full", full(dtype, head_size, choice)), ("bare", bare)];
            for (features, problem) in problems {
                let plan = match mha_plan::plan(&problem, gpu.caps(), &options) {
                    Ok(plan) => plan,
                    // A row may be for larger devices.
                    Err(refusal) => {
                        refused.push(refusal.to_string());
                        continue;
                    }
                };
                // With scalar access, one form of a kernel is enough.
                let scalar = head_size % 4 != 0;
                if scalar && one_scalar && seen.iter().any(|(name, _)| is_scalar(name)) {
                    continue;
                }
                if features == "bare"
                    && !choice.on_matrices()
                    && !bare_alone
                    && !bare_access.insert((scalar, has_own_loop))
                {
                    continue;
                }
                let mut new = false;
                for step in &plan.steps {
                    let own = step.blueprint.kernel.info().name;
                    let name = if features == "bare" { own } else { told(own) };
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
    let caps = gpu.caps();
    let has_part = |name: &str, part: String| name.split('_').any(|other| other == part);
    let of_size = |name: &&str| match choice {
        Lane::Wide => true,
        // A kernel on matrices is for one size of each.
        Lane::Matrix | Lane::Fragment => {
            let listed = |side: u32| name.contains(&format!("_m{side}r"));
            has_part(name, format!("l{lanes}")) && caps.coop_matrices.iter().any(|shape| listed(shape.m))
        }
        _ => has_part(name, format!("l{lanes}")) && (is_software || !name.ends_with(OF_SOFTWARE)),
    };
    let scalar_ran = seen.iter().any(|(name, _)| is_scalar(name));
    let ran = |name: &'static str| {
        seen.iter().any(|(other, _)| *other == told(name)) || (one_scalar && scalar_ran && is_scalar(name))
    };
    let missing: Vec<&str> =
        KERNELS.iter().map(|k| k.name).filter(of_lane).filter(of_size).filter(|name| !ran(name)).collect();
    match missing[..] {
        [] => Ok(()),
        _ => Err(format!("no tuning row reaches {}; refused: {}", missing.join(", "), refused.join(", "))),
    }
}

/// Whether a device may take a row: tiles for software devices no other does.
fn is_for(row: &Option<TuningRow>, caps: &DeviceCaps) -> bool {
    caps.kind == DeviceKind::Software || !row.as_ref().is_some_and(|row| row.tile.ends_with(OF_SOFTWARE))
}

/// A kernel's name without how it adds the values of a turn or knows of causality. Values in halves, and what goes with them, count.
fn without_turn(name: &str) -> &str {
    if name.contains("v2") {
        return name;
    }
    let tile = name.rfind('_').map_or(0, |at| at + 1);
    name[tile..].find(['p', 'f', 'c']).map_or(name, |at| &name[..tile + at])
}

/// The rows of a lane, each with its largest head size. The wide lane has none and takes any size.
fn rows(choice: Lane, dtype: DType) -> Vec<(Option<TuningRow>, u32)> {
    if choice == Lane::Wide {
        return vec![(None, 72), (None, 320)];
    }
    table_rows(choice, dtype).map(|row| (Some(row.clone()), row.max_head_size)).collect()
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
    // Key splits are merged by a kernel of their own where they are more than a workgroup of the lane has groups.
    for row in table_rows(Lane::Short, dtype) {
        let groups = row.workgroup_size / row.lanes;
        let past = Past::Growing { len: groups * groups * 4 };
        let problem = AttentionProblem { past, kv_len: 8, ..full(dtype, 8, Lane::Short) };
        let case = Case::new(problem, 2);
        let row = TuningRow { splits: Some(groups + 1), ..row };
        let options = PlanOptions { lane: Some(Lane::Short), row: Some(row), ..PlanOptions::default() };
        if mha_plan::plan(&case.problem, gpu.caps(), &options).is_ok() {
            let result = check_on(gpu, gpu.caps(), &case, &options);
            failures
                .take(result.map(|plan| seen.extend(plan.steps.iter().map(|step| step.blueprint.kernel.info().name))));
            break;
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
fn seeds(gpu: &Gpu, choice: Lane, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    for head_size in [40, 64, 128] {
        let case = Case::new(bare(dtype, head_size, choice), 1);
        failures.take(match dtype {
            DType::F32 => check_on(gpu, gpu.caps(), &case, &lane(choice)).map(drop),
            DType::F16 => in_float16(gpu, choice, &case),
        });
    }
    failures.done()
}

/// In float16 the originals also compute in float16: not to the tolerance of the others, but to what float16 allows.
fn in_float16(gpu: &Gpu, choice: Lane, case: &Case) -> Result<(), String> {
    const ERROR: f32 = 0.02;
    let expected = Expected::of(case);
    let plan = mha_plan::plan(&case.problem, gpu.caps(), &lane(choice)).map_err(|refusal| refusal.to_string())?;
    let outputs = run(gpu, case, &plan, &expected)?;
    let got = outputs[0].1.chunks_exact(2).map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32());
    let want = expected.output().iter().map(|value| *value as f32);
    let worst = got
        .zip(want)
        .map(|(got, want)| (got - want).abs())
        .fold(0.0, |most, error| if error <= most { most } else { error });
    if worst <= ERROR { Ok(()) } else { Err(format!("{}: an error of {worst}", plan.decision)) }
}

/// Overrides that the problems above leave at one value: forms of masks, causality alone, beams, and beams one at a time.
fn features(gpu: &Gpu, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    for choice in [Lane::Rows, Lane::Apple, Lane::Short, Lane::Wide] {
        let bare = bare(dtype, 24, choice);
        let lengths = AttentionProblem { padding_mask: PaddingMask::KeyLengths, qk: Some(dtype), ..bare.clone() };
        let causal = AttentionProblem { causal: true, qk: Some(dtype), ..bare };
        for problem in [lengths, causal] {
            failures.take(check_on(gpu, gpu.caps(), &Case::new(problem, 3), &lane(choice)).map(drop));
        }
    }
    let beams = AttentionProblem {
        past: Past::Shared { len: 50, capacity: 61 },
        beam_width: Some(3),
        padding_mask: PaddingMask::BeamKeys,
        present: PresentOutputs { key: true, value: true },
        qk: Some(dtype),
        ..plain(6, 4, 1, 1, 24)
    };
    let beams = AttentionProblem { dtype, ..beams };
    let settings = GpuSettings { max_binding_size: Some(4096), ..gpu.settings().clone() };
    let tight = Gpu::open(&AdapterChoice::Auto, &settings).map_err(|error| error.to_string())?;
    for (gpu, choice) in [(gpu, Lane::Short), (gpu, Lane::Wide), (&*tight, Lane::Short), (&*tight, Lane::Wide)] {
        failures.take(check_on(gpu, gpu.caps(), &Case::new(beams.clone(), 4), &lane(choice)).map(drop));
    }
    failures.done()
}

/// Lanes of a row's groups, which are those of one subgroup.
fn lanes_of(row: &Option<TuningRow>) -> u32 {
    row.as_ref().map_or(1, |row| row.lanes)
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
        projection_bias: if choice.on_matrices() && dtype == DType::F16 {
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
