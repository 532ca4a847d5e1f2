//! Contract: key splits of a short query are merged within their dispatch where its last workgroup has room for them, by a dispatch of
//! their own where it has not, with the same result in every run, whatever the values; and what one call exchanges leaves nothing to
//! the next. Of prefill lanes each batch row and head has splits of its own, of which the last may have fewer keys.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{DTYPES, Failures, check_on, run, table_rows, test};
use mha_gpu::{Gpu, GpuSettings, Source};
use mha_plan::profile::TuningRow;
use mha_plan::{DeviceCaps, DeviceKind, Lane, Plan, PlanOptions, Tensor};
use mha_spec::{AttentionProblem, DType, PaddingMask, Past};
use mha_testkit::{Case, Expected, plain};

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for dtype in DTYPES {
        let every_row = test(format!("every_row_{}", dtype.name()), dtype, move |gpu| every_row(gpu, dtype));
        tests.push(every_row.needing(merges));
        tests.push(test(format!("masked_{}", dtype.name()), dtype, move |gpu| masked(gpu, dtype)));
        tests.push(test(format!("prefill_{}", dtype.name()), dtype, move |gpu| prefill(gpu, dtype)));
    }
    tests.push(test("uneven", DType::F32, uneven));
    tests.push(test("not_a_number", DType::F32, not_a_number).needing(merges));
    common::main(GpuSettings::default(), tests)
}

/// Whether a device ever merges splits within a dispatch, which needs the lane's subgroups and buffers, and not to be Metal.
fn merges(caps: &DeviceCaps) -> Result<(), String> {
    match caps.backend != "metal" && caps.min_subgroup_size >= 4 && caps.max_storage_buffers >= 13 {
        true => Ok(()),
        false => Err(format!("{} merges no splits within a dispatch", caps.name)),
    }
}

fn pinned(row: &TuningRow, splits: u32) -> PlanOptions {
    let row = TuningRow { splits: Some(splits), ..row.clone() };
    PlanOptions { lane: Some(Lane::Short), row: Some(row), ..PlanOptions::default() }
}

/// Two batch rows and three heads of rows that fill no block, over keys that fill `splits` but for a few of the last.
fn split(row: &TuningRow, splits: u32, head_size: u32) -> AttentionProblem {
    let groups = row.workgroup_size / row.lanes;
    let past = Past::Growing { len: splits * groups * 4 - 3 - row.rows };
    let problem = AttentionProblem { dtype: row.dtype, past, ..plain(2, 3, row.rows + 1, row.rows + 1, head_size) };
    AttentionProblem { v_head_size: head_size.div_ceil(2), ..problem }
}

/// Number of dispatches of a kernel whose name begins with `name`.
fn dispatches(plan: &Plan, name: &str) -> usize {
    plan.steps.iter().filter(|step| step.blueprint.kernel.info().name.starts_with(name)).count()
}

/// As [`check_on`], and twice again, with the same bytes.
fn check(gpu: &Gpu, case: &Case, options: &PlanOptions) -> Result<Plan, String> {
    let plan = check_on(gpu, gpu.caps(), case, options)?;
    let expected = Expected::of(case);
    match run(gpu, case, &plan, &expected)? == run(gpu, case, &plan, &expected)? {
        true => Ok(plan),
        false => Err(format!("two runs differ: {options:?}, {}\n  {:?}", plan.decision, case.problem)),
    }
}

/// Rows of the narrowest and the widest heads and those that load keys ahead, with few splits, as many as there is room for, and one more,
/// of which the narrow ones by single columns.
fn every_row(gpu: &Arc<Gpu>, dtype: DType) -> Result<(), String> {
    let (mut failures, mut merged, mut apart) = (Failures::default(), 0, 0);
    for row in table_rows(Lane::Short, dtype).filter(|row| row.max_head_size != 128 || loads_ahead(row)) {
        let room = row.workgroup_size / row.lanes;
        let is_narrow = row.max_head_size == 64;
        let (head_sizes, numbers): (&[u32], &[u32]) =
            if is_narrow { (&[64, 35], &[2, room, room + 1]) } else { (&[row.max_head_size], &[2, room]) };
        for &head_size in head_sizes {
            for (seed, &splits) in (0..).zip(numbers) {
                let case = Case::new(split(&row, splits, head_size), seed);
                let options = pinned(&row, splits);
                if mha_plan::plan(&case.problem, gpu.caps(), &options).is_err() {
                    // Its groups of lanes are no part of this device's subgroups.
                    continue;
                }
                failures.take(check(gpu, &case, &options).and_then(|plan| {
                    let (own, combined) = (dispatches(&plan, "short_"), dispatches(&plan, "combine_"));
                    merged += usize::from(combined == 0);
                    apart += usize::from(combined == 1);
                    // Of narrow heads a lane takes as few vec4 as there are in its own part of a row.
                    let has_room = splits <= room && (is_narrow && row.rows == 1 || splits == 2);
                    match (own, combined) {
                        (1, 0) if splits <= room => Ok(()),
                        (1, 1) if !has_room => Ok(()),
                        _ => Err(format!("{own} and {combined} dispatches for {splits} splits, room for {room}")),
                    }
                }));
            }
        }
    }
    failures.done()?;
    if merged > 0 && apart > 0 { Ok(()) } else { Err(format!("{merged} were merged in one dispatch, {apart} in two")) }
}

fn loads_ahead(row: &TuningRow) -> bool {
    row.tile.contains('a')
}

/// Splits of which rows see no key, or none of any; where keys are loaded ahead, those of which a block of causal rows has none at all.
fn masked(gpu: &Arc<Gpu>, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    for row in table_rows(Lane::Short, dtype).filter(|row| row.max_head_size == 64 || loads_ahead(row)) {
        let groups = row.workgroup_size / row.lanes;
        let keys = plain(3, 2, row.rows, 3 * groups * 4, row.max_head_size);
        let many_rows = plain(2, 2, 3 * row.rows, 3 * row.rows, row.max_head_size);
        let begins_before_keys = loads_ahead(&row).then_some(AttentionProblem { causal: true, ..many_rows });
        for problem in [
            AttentionProblem { padding_mask: PaddingMask::KeyLengths, ..keys.clone() },
            AttentionProblem { padding_mask: PaddingMask::Keys, mask_filter_value: f32::MIN, ..keys.clone() },
            AttentionProblem { causal: true, ..keys },
        ]
        .into_iter()
        .chain(begins_before_keys)
        {
            let case = Case::new(AttentionProblem { dtype, ..problem }, 5);
            let options = pinned(&row, 3);
            if mha_plan::plan(&case.problem, gpu.caps(), &options).is_ok() {
                failures.take(check(gpu, &case, &options).map(drop));
            }
        }
    }
    failures.done()
}

/// Two batch rows of three heads, by three splits of which the last has half the keys of the others, in either order of workgroups:
/// causality that hides whole tiles changes it.
fn prefill(gpu: &Arc<Gpu>, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    for lane in [Lane::Rows, Lane::Apple] {
        let row =
            table_rows(lane, dtype).find(|row| row.max_head_size == 64).ok_or("the lane has a row for heads of 64")?;
        let plain = plain(2, 3, row.tile_rows() + 5, 5 * row.key_tile / 2, 64);
        for causal in [false, true] {
            let case = Case::new(AttentionProblem { dtype, causal, ..plain.clone() }, 7);
            let options = PlanOptions {
                lane: Some(lane),
                row: Some(TuningRow { splits: Some(3), ..row.clone() }),
                ..PlanOptions::default()
            };
            failures.take(check(gpu, &case, &options).and_then(|plan| match dispatches(&plan, "combine_") {
                1 => Ok(()),
                other => Err(format!("{other} merges: {}", plan.decision)),
            }));
        }
    }
    failures.done()
}

/// Splits as the planner makes them where equal workgroups would leave many cores of a large GPU idle: the last has fewer keys.
fn uneven(gpu: &Arc<Gpu>) -> Result<(), String> {
    let large = DeviceCaps { kind: DeviceKind::Discrete, ..gpu.caps().clone() };
    // One wave of small workgroups and twelve more.
    let case = Case::new(plain(2, 270, 20, 840, 8), 9);
    let options = PlanOptions { lane: Some(Lane::Rows), ..PlanOptions::default() };
    let plan = check_on(gpu, &large, &case, &options)?;
    let params = &plan.steps[0].params;
    match params.splits > 1 && 840 % params.keys_per_split > 0 {
        true => Ok(()),
        false => Err(format!("{} splits of {} keys: {}", params.splits, params.keys_per_split, plan.decision)),
    }
}

/// NaN passes, of all ones too, which is the one number that is not exchanged as it is, and leaves nothing to the next call.
fn not_a_number(gpu: &Arc<Gpu>) -> Result<(), String> {
    let problem = plain(1, 2, 1, 600, 64);
    let options = |row: &TuningRow| pinned(row, 2);
    let plans = table_rows(Lane::Short, DType::F32).filter(|row| row.max_head_size == 64);
    let plan = plans.filter_map(|row| mha_plan::plan(&problem, gpu.caps(), &options(&row)).ok()).next();
    let plan = plan.ok_or("no row of the lane suits this device")?;
    if dispatches(&plan, "combine_") > 0 {
        return Err(format!("merged apart: {}", plan.decision));
    }
    let case = Case::new(problem, 3);
    let mut inputs = case.bytes();
    for (_, bytes) in inputs.iter_mut().filter(|(tensor, _)| *tensor == Tensor::Value) {
        bytes.fill(0xff);
    }
    let inputs: Vec<(Tensor, Source<'_>)> =
        inputs.iter().map(|(tensor, bytes)| (*tensor, bytes.as_slice().into())).collect();
    let mut output = vec![0; 2 * 64 * 4];
    gpu.run(&plan, &inputs, &mut [(Tensor::Output, &mut output)]).map_err(|error| error.to_string())?;
    let numbers = output.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    match numbers.filter(|x| !x.is_nan()).count() {
        0 => {
            let expected = Expected::of(&case);
            let outputs = run(gpu, &case, &plan, &expected)?;
            expected.check(Tensor::Output, &outputs[0].1).map_err(|mismatch| format!("afterwards: {mismatch}"))
        }
        count => Err(format!("{count} numbers of NaN")),
    }
}
