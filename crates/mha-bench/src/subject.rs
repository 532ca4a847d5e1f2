//! [`Subject`]: what is measured.

use mha_auto::Auto;
use mha_plan::profile::TuningRow;
use mha_plan::{Lane, Plan, PlanOptions, Refusal};
use mha_spec::{AttentionProblem, PathChoice};

/// What is measured: a path, or a lane by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// What a path picks.
    Path(PathChoice),
    /// A pinned lane, on a tuning row of its own choice or of its table's.
    Lane(Lane, Option<TuningRow>),
}

impl Subject {
    /// Every path.
    pub fn paths() -> Vec<Subject> {
        PathChoice::ALL.into_iter().map(Subject::Path).collect()
    }

    /// Every lane, on its own tuning rows.
    pub fn lanes() -> Vec<Subject> {
        Lane::ALL.into_iter().map(|lane| Subject::Lane(lane, None)).collect()
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Subject::Path(path) => path.name().to_owned(),
            Subject::Lane(lane, None) => format!("lane:{}", lane.name()),
            Subject::Lane(lane, Some(row)) => {
                let splits = row.splits.map(|splits| format!(" x{splits}")).unwrap_or_default();
                let TuningRow { lanes, tile, key_tile, workgroup_size, .. } = row;
                format!("lane:{} l{lanes} {tile} k{key_tile} w{workgroup_size}{splits}", lane.name())
            }
        }
    }

    /// What it runs for a problem on the device of `auto`.
    pub(crate) fn plan(&self, auto: &Auto, problem: &AttentionProblem) -> Result<Plan, Refusal> {
        let gpu = auto.gpu();
        match self {
            Subject::Path(PathChoice::Auto) => auto.plan(problem),
            Subject::Path(path) => gpu.plan(problem, &PlanOptions { path: *path, ..PlanOptions::default() }),
            Subject::Lane(lane, row) => {
                gpu.plan(problem, &PlanOptions { lane: Some(*lane), row: row.clone(), ..PlanOptions::default() })
            }
        }
    }
}
