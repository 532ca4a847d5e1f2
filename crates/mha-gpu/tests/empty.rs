//! Contract: empty dimensions are answered: no keys at all give zeros, an empty batch or query gives an empty output, and
//! presents are filled all the same.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{DTYPES, Failures, ON_MATRICES, Test, check, lane, paths, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::Lane;
use mha_spec::{AttentionBias, AttentionProblem, DType, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias};
use mha_testkit::{Case, plain};

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for dtype in DTYPES {
        let everything = |problem| AttentionProblem {
            dtype,
            present: PresentOutputs { key: true, value: true },
            qk: Some(dtype),
            projection_bias: ProjectionBias::QueryKeyValue,
            ..problem
        };
        let mut all = Vec::new();
        let mut add = |name: &str, problem: AttentionProblem| {
            let bare = AttentionProblem { present: PresentOutputs::default(), qk: None, ..problem.clone() };
            // Matrices take no biases in float16.
            all.extend([AttentionProblem { projection_bias: ProjectionBias::None, ..problem.clone() }, bare.clone()]);
            tests.push(both_paths(name, vec![problem, bare]));
        };
        for (q_len, rows) in [(3, "few"), (40, "many")] {
            add(&format!("batch_{rows}_rows"), everything(plain(0, 2, q_len, 5, 8)));
            add(&format!("keys_{rows}_rows"), everything(plain(2, 2, q_len, 0, 8)));
            let past = everything(AttentionProblem { past: Past::Growing { len: 7 }, ..plain(2, 2, q_len, 0, 8) });
            add(&format!("new_keys_{rows}_rows"), past);
            let past = everything(AttentionProblem { past: Past::Growing { len: 0 }, ..plain(2, 2, q_len, 5, 8) });
            add(&format!("past_{rows}_rows"), past);
            let past = everything(AttentionProblem { past: Past::Growing { len: 0 }, ..plain(2, 2, q_len, 0, 8) });
            add(&format!("past_and_keys_{rows}_rows"), past);
            let shared = Past::Shared { len: 0, capacity: 50 };
            add(
                &format!("shared_past_{rows}_rows"),
                everything(AttentionProblem { past: shared, ..plain(2, 2, q_len, 5, 8) }),
            );
            let shared = Past::Shared { len: 0, capacity: 4 };
            add(
                &format!("shared_past_and_keys_{rows}_rows"),
                everything(AttentionProblem { past: shared, ..plain(2, 2, q_len, 0, 8) }),
            );
            let masked = AttentionProblem {
                padding_mask: PaddingMask::QueryKeys,
                attention_bias: Some(AttentionBias { batch: 1, heads: 2, batch_divisor: 1 }),
                ..plain(2, 2, q_len, 0, 8)
            };
            add(&format!("masked_keys_{rows}_rows"), everything(masked));
        }
        add("query", everything(plain(2, 2, 0, 5, 8)));
        let past = Past::Growing { len: 7 };
        add("query_with_past", everything(AttentionProblem { past, ..plain(2, 2, 0, 5, 8) }));
        add("query_and_keys", everything(plain(2, 2, 0, 0, 8)));
        add("packed", everything(AttentionProblem { layout: Layout::PackedQkv, ..plain(2, 2, 0, 0, 8) }));
        for (on, needs) in ON_MATRICES {
            let all = all.clone();
            let name = format!("{}_{}", on.name(), dtype.name());
            tests.push(test(name, dtype, move |gpu: &Arc<Gpu>| on_lane(gpu, on, &all)).needing(needs));
        }
    }
    common::main(GpuSettings::default(), tests)
}

/// Those of some problems that a lane takes, which must be most.
fn on_lane(gpu: &Gpu, on: Lane, problems: &[AttentionProblem]) -> Result<(), String> {
    let mut failures = Failures::default();
    let mut refused = Vec::new();
    for problem in problems {
        match mha_plan::plan(problem, gpu.caps(), &lane(on)) {
            Ok(_) => failures.take(check(gpu, &Case::new(problem.clone(), 3), &lane(on))),
            Err(refusal) => refused.push(refusal.to_string()),
        }
    }
    failures.done()?;
    if refused.len() * 2 > problems.len() { Err(format!("most are refused: {}", refused.join("; "))) } else { Ok(()) }
}

/// The problems on each of the paths that have lanes of their own.
fn both_paths(name: &str, problems: Vec<AttentionProblem>) -> Test {
    let dtype: DType = problems[0].dtype;
    test(format!("{name}_{}", dtype.name()), dtype, move |gpu| {
        let mut failures = Failures::default();
        for problem in problems {
            let case = Case::new(problem, 3);
            for options in paths() {
                failures.take(check(gpu, &case, &options));
            }
        }
        failures.done()
    })
}
