//! Every device profile's decision for typical problems is recorded in `plans.txt`; a changed line is the thing to review.
//! `RECORD_PLANS=1 cargo test -p mha-plan --test recorded` rewrites it.

use std::fmt::Write;
use std::path::Path;

use mha_plan::{Plan, PlanOptions, devices, plan};
use mha_spec::options::PathChoice;
use mha_spec::{AttentionProblem, DType};

mod problems;
use problems::{Shape, named};

fn record() -> String {
    let mut text = String::from(
        "# What each path runs on each device profile: kernel, dispatches, reason, and workgroups of each dispatch and the lanes of one.\n\
         # Written by `RECORD_PLANS=1 cargo test -p mha-plan --test recorded`; a test compares it.\n",
    );
    for caps in devices::all() {
        writeln!(text, "\n## {} ({})", caps.name, caps.backend).unwrap();
        for path in PathChoice::ALL {
            for dtype in [DType::F32, DType::F16] {
                for (name, problem) in named() {
                    let problem = AttentionProblem { dtype, ..problem };
                    let options = PlanOptions { path, ..PlanOptions::default() };
                    let line = match plan(&problem, &caps, &options) {
                        Ok(plan) => format!("{}{}", plan.decision, grids(&plan)),
                        Err(refusal) => format!("refused: {refusal}"),
                    };
                    writeln!(text, "{:<8} {} {name:<18} {line}", path.name(), dtype.name()).unwrap();
                }
            }
        }
    }
    text
}

/// Workgroups of each step, and the lanes of one.
fn grids(plan: &Plan) -> String {
    let grids = plan.steps.iter().map(|step| {
        let lanes = step.blueprint.constants.iter().find(|(name, _)| *name == "WORKGROUP_SIZE");
        let lanes = lanes.map(|(_, lanes)| format!(" of {lanes}")).unwrap_or_default();
        format!("; {}{lanes}", step.grid.map(|count| count.to_string()).join("x"))
    });
    grids.collect()
}

#[test]
fn decisions_are_as_recorded() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans.txt");
    let now = record();
    if std::env::var_os("RECORD_PLANS").is_some() {
        std::fs::write(&path, &now).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(&path).unwrap();
    for (line, (was, is)) in recorded.lines().zip(now.lines()).enumerate() {
        assert_eq!(was, is, "plans.txt:{}: a decision changed; review it and record again", line + 1);
    }
    assert_eq!(recorded.lines().count(), now.lines().count(), "plans.txt has other lines; record again");
}

#[test]
fn planning_is_pure() {
    let problem = problems::problem(Shape { q_len: 300, kv_len: 300, ..Shape::default() });
    let options = PlanOptions::default();
    let caps = devices::h100();
    assert_eq!(plan(&problem, &caps, &options), plan(&problem, &caps, &options));
}
