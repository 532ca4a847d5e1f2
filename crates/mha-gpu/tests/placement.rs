//! Contract: what the planner chooses by device is right on every device. Where the lanes of a row group lie in a subgroup, and which
//! workgroups start first, changes no bit of a result; each is tried in every way that the machine's subgroups allow. Rows that only
//! software devices have, and rows that only GPUs have, know what causality hides.

mod common;

use std::process::ExitCode;

use common::{DTYPES, Failures, ON_MATRICES, check, lane, run, table_rows, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::profile::TuningRow;
use mha_plan::{Lane, Plan, PlanOptions, Tensor};
use mha_spec::{AttentionProblem, DType, PaddingMask, Past};
use mha_testkit::{Case, Expected, plain};

const LANES_APART: [Lane; 2] = [Lane::Rows, Lane::Apple];

/// What a call writes.
type Outputs = Vec<(Tensor, Vec<u8>)>;

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for dtype in DTYPES {
        for choice in LANES_APART {
            for lanes in [4, 8] {
                let name = format!("{}_{}_lanes{lanes}", choice.name(), dtype.name());
                tests.push(test(name, dtype, move |gpu| places(gpu, choice, dtype, lanes)).needing(
                    move |caps| match 2 * lanes <= caps.min_subgroup_size {
                        true => Ok(()),
                        false => Err(format!("groups of {lanes} lanes fill the subgroups of {}", caps.name)),
                    },
                ));
            }
            let name = format!("{}_{}_order", choice.name(), dtype.name());
            tests.push(test(name, dtype, move |gpu| orders(gpu, choice, dtype)));
            let name = format!("{}_{}_causal", choice.name(), dtype.name());
            tests.push(test(name, dtype, move |gpu| causal(gpu, choice, dtype)));
        }
    }
    for dtype in DTYPES {
        for (choice, needs) in ON_MATRICES {
            let name = format!("{}_{}_order", choice.name(), dtype.name());
            tests.push(test(name, dtype, move |gpu| orders(gpu, choice, dtype)).needing(needs));
        }
    }
    common::main(GpuSettings::default(), tests)
}

/// Lanes of groups side by side, and as far apart as powers of two let them lie.
fn places(gpu: &Gpu, choice: Lane, dtype: DType, lanes: u32) -> Result<(), String> {
    let most = gpu.caps().min_subgroup_size / lanes;
    let steps: Vec<u32> = (0..).map(|power| 1 << power).take_while(|step| *step <= most).collect();
    let row = table_rows(choice, dtype).find(|row| row.lanes == lanes).ok_or("a table has no such row")?;
    let mut failures = Failures::default();
    for problem in problems(dtype, row.max_head_size) {
        failures.take(results(gpu, choice, &row, problem, "LANE_STEP", &steps).and_then(same_bits));
    }
    failures.done()
}

/// Workgroups with most keys first, and in the order of rows.
fn orders(gpu: &Gpu, choice: Lane, dtype: DType) -> Result<(), String> {
    let causal = |row: &TuningRow| AttentionProblem { causal: true, ..problems(dtype, row.max_head_size)[0].clone() };
    let fits = |row: &TuningRow| {
        let options = PlanOptions { row: Some(row.clone()), ..lane(choice) };
        mha_plan::plan(&causal(row), gpu.caps(), &options).is_ok()
    };
    let row = table_rows(choice, dtype).find(fits).ok_or("no row fits")?;
    results(gpu, choice, &row, causal(&row), "LONGEST_FIRST", &[0, 1]).and_then(same_bits)
}

/// Keys that causality hides from some rows of a tile, by rows of every device: for groups of most numbers of lanes in each type, those
/// that know them in the plain loop and those that do not, over as many keys as rows, fewer, more and a past.
fn causal(gpu: &Gpu, choice: Lane, dtype: DType) -> Result<(), String> {
    let (mut failures, mut tried) = (Failures::default(), 0);
    let lanes: &[u32] = if dtype == DType::F32 { &[1, 4] } else { &[2, 4, 8] };
    for (&lanes, plain_loop) in lanes.iter().flat_map(|lanes| [(lanes, false), (lanes, true)]) {
        let fits = |row: &TuningRow| row.lanes == lanes && row.tile.ends_with('c') == plain_loop;
        let row = table_rows(choice, dtype).find(fits).filter(|row| row.lanes <= gpu.caps().min_subgroup_size);
        let Some(row) = row else { continue };
        tried += 1;
        let past = Past::Growing { len: 37 };
        for (q_len, kv_len, past) in
            [(301, 301, Past::None), (301, 77, Past::None), (77, 301, Past::None), (150, 150, past)]
        {
            let plain = plain(1, 2, q_len, kv_len, row.max_head_size);
            let problem = AttentionProblem { dtype, causal: true, past, ..plain };
            let options = PlanOptions { row: Some(row.clone()), ..lane(choice) };
            failures.take(check(gpu, &Case::new(problem, 7), &options));
        }
    }
    if tried == 0 {
        return Err("no row has groups that fit the subgroups".into());
    }
    failures.done()
}

/// Over several tiles of rows and keys, none of them full: plain, and with a mask and causality.
fn problems(dtype: DType, head_size: u32) -> [AttentionProblem; 2] {
    let bare = AttentionProblem { dtype, ..plain(2, 3, 301, 77, head_size) };
    [bare.clone(), AttentionProblem { causal: true, padding_mask: PaddingMask::KeyLengths, ..bare }]
}

/// A problem's outputs with each value of a constant of its kernel, all of them right.
fn results(
    gpu: &Gpu,
    choice: Lane,
    row: &TuningRow,
    problem: AttentionProblem,
    constant: &str,
    values: &[u32],
) -> Result<Vec<Outputs>, String> {
    let case = Case::new(problem, 7);
    let expected = Expected::of(&case);
    let options = PlanOptions { row: Some(row.clone()), ..lane(choice) };
    let plan = mha_plan::plan(&case.problem, gpu.caps(), &options).map_err(|refusal| refusal.to_string())?;
    let told = |value: u32, what: String| format!("{constant} {value}, {}: {what}", plan.decision);
    let one = |value: u32| {
        let outputs = run(gpu, &case, &with_constant(&plan, constant, value)?, &expected)?;
        for (tensor, bytes) in &outputs {
            expected.check(*tensor, bytes).map_err(|mismatch| told(value, mismatch.to_string()))?;
        }
        Ok(outputs)
    };
    values.iter().map(|value| one(*value)).collect()
}

fn same_bits(results: Vec<Outputs>) -> Result<(), String> {
    match results.iter().position(|outputs| *outputs != results[0]) {
        None => Ok(()),
        Some(index) => Err(format!("value {index} of the constant gives other bits than the first")),
    }
}

fn with_constant(plan: &Plan, name: &str, value: u32) -> Result<Plan, String> {
    let mut plan = plan.clone();
    let all = plan.steps.iter_mut().flat_map(|step| &mut step.blueprint.constants);
    let mut found = false;
    for (_, old) in all.filter(|(other, _)| *other == name) {
        (found, *old) = (true, value);
    }
    if found { Ok(plan) } else { Err(format!("the kernels of the plan have a constant {name}")) }
}
