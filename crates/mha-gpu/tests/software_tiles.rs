//! Contract: tiles for software devices, whose plain loop takes the last keys and what causality hides, answer as any other, whatever part
//! of a tile a row sees, by key splits too, and where a late key outweighs all before it so that the loop begins again.

mod common;

use std::process::ExitCode;

use common::{DTYPES, Failures, OF_SOFTWARE, check_on, subgroups_of, table_rows, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::profile::TuningRow;
use mha_plan::{DeviceCaps, DeviceKind, Lane, PlanOptions};
use mha_spec::{AttentionProblem, Past};
use mha_testkit::{Case, plain};

/// A head size for each number of lanes that row groups have.
const HEAD_SIZES: [u32; 4] = [8, 40, 64, 128];
/// What queries and one key have in column 0: its score is 724 at the least, which outgrows any reference of others.
const QUERY: f64 = 4.0;
const KEY: f64 = 2048.0;

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for lane in [Lane::Rows, Lane::Apple] {
        for dtype in DTYPES {
            for head_size in HEAD_SIZES {
                let name = format!("{}_{}_heads{head_size}", lane.name(), dtype.name());
                // The largest, as smaller ones are the same template.
                let of_software = |row: &TuningRow| row.tile.ends_with(OF_SOFTWARE) && row.max_head_size >= head_size;
                let row =
                    table_rows(lane, dtype).find(of_software).expect("a tile for software devices for these heads");
                let lanes = row.lanes;
                let tile = test(name, dtype, move |gpu| tile(gpu, lane, &row, head_size));
                tests.push(tile.needing(move |caps| software(caps, lanes)));
            }
        }
    }
    common::main(GpuSettings::default(), tests)
}

fn software(caps: &DeviceCaps, lanes: u32) -> Result<(), String> {
    match caps.kind {
        DeviceKind::Software => subgroups_of(lanes, caps),
        kind => Err(format!("tiles for software devices are for those, got {kind:?}")),
    }
}

fn tile(gpu: &Gpu, lane: Lane, row: &TuningRow, head_size: u32) -> Result<(), String> {
    let mut failures = Failures::default();
    for (seed, case) in (0..).zip(cases(row, head_size)) {
        for splits in [1, 3] {
            let row = TuningRow { splits: Some(splits), ..row.clone() };
            let options = PlanOptions { lane: Some(lane), row: Some(row.clone()), ..PlanOptions::default() };
            let told = |error: String| format!("{row}, case {seed}, {splits} splits: {error}");
            let merges = |plan: mha_plan::Plan| {
                let merges =
                    plan.steps.iter().filter(|s| s.blueprint.kernel.info().name.starts_with("combine_")).count();
                // Keys of one block are not split.
                let splits_keys = splits > 1 && case.problem.total_len() > 8;
                match merges == usize::from(splits_keys) {
                    true => Ok(()),
                    false => Err(format!("{merges} merges for {splits} splits: {}", plan.decision)),
                }
            };
            failures.take(check_on(gpu, gpu.caps(), &case, &options).and_then(merges).map_err(told));
        }
    }
    failures.done()
}

/// Problems of two heads: rows of a tile and some more, of which groups see keys from one to all, over tiles of keys that are not whole.
fn cases(row: &TuningRow, head_size: u32) -> Vec<Case> {
    let (rows, keys) = (row.tile_rows() + row.rows + 3, 2 * row.key_tile + 5);
    let square = plain(1, 2, rows, rows, head_size);
    let causal = AttentionProblem { causal: true, ..square };
    // With a past of 9 a group's last row sees one key of a block of eight that no other of its rows sees.
    let past = AttentionProblem { past: Past::Growing { len: 9 }, v_head_size: head_size / 2, ..causal.clone() };
    let problems = [
        plain(2, 2, row.rows + 1, keys, head_size),
        // Fewer keys than a block has, and than a turn.
        plain(1, 2, row.rows + 1, 3, head_size),
        plain(1, 2, row.rows + 1, 7, head_size),
        causal.clone(),
        past,
        // Rows beyond the keys see all of them.
        AttentionProblem { causal: true, ..plain(1, 2, rows, keys, head_size) },
        AttentionProblem { causal: true, ..plain(1, 2, row.rows + 2, keys, head_size) },
    ];
    let plain_cases = problems.into_iter().map(|problem| AttentionProblem { dtype: row.dtype, ..problem });
    let mut cases: Vec<Case> = (0..).zip(plain_cases).map(|(seed, problem)| Case::new(problem, seed)).collect();
    for (problem, position) in [(plain(1, 2, row.rows + 1, keys, head_size), keys - 1), (causal, row.tile_rows() - 1)] {
        let mut case = Case::new(AttentionProblem { dtype: row.dtype, ..problem }, 11);
        let head_size = head_size as usize;
        case.inputs.query.chunks_exact_mut(head_size).for_each(|row| row[0] = QUERY);
        for (at, row) in case.inputs.key.chunks_exact_mut(head_size).enumerate() {
            // Two heads to a key.
            row[0] = if at / 2 == position as usize { KEY } else { 0.0 };
        }
        cases.push(case);
    }
    cases
}
