//! [`candidates`]: the lanes and tuning rows among which measurements may choose for a problem. All of them are right for it;
//! which is the fastest, a device has to say.

use std::collections::HashSet;
use std::fmt;
use std::slice;

use mha_spec::AttentionProblem;
use mha_spec::options::PathChoice;

use crate::caps::DeviceCaps;
use crate::fits::fits;
use crate::profile::{self, Profile, TuningRow};
use crate::select::{self, Choice, Lane, PlanOptions, Presents, SHORT_QUERY};
use crate::steps;

/// A lane on a tuning row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The lane.
    pub lane: Lane,
    /// Its row; None for lane wide, which has none.
    pub row: Option<TuningRow>,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.lane.name())?;
        let Some(row) = &self.row else { return Ok(()) };
        write!(f, " {} lanes x {} keys {} w{}", row.lanes, row.tile, row.key_tile, row.workgroup_size)?;
        row.splits.map_or(Ok(()), |splits| write!(f, " splits {splits}"))
    }
}

impl Candidate {
    /// The candidate of a lane's name and a row as text, if this version has such a lane and row.
    ///
    /// # Errors
    /// What there is none of.
    pub fn named(lane: &str, row: Option<&str>) -> Result<Candidate, String> {
        let known = [Lane::Rows, Lane::Apple, Lane::Short, Lane::Wide, Lane::Fragment, Lane::Matrix];
        let found = known.into_iter().find(|known| known.name() == lane);
        let lane = found.ok_or_else(|| format!("a lane of this version is expected, got `{lane}`"))?;
        let wrong = |row: &str| format!("a row of lane {} is expected, got `{row}`", lane.name());
        let row = match row {
            None if lane == Lane::Wide => return Ok(Candidate { lane, row: None }),
            None => return Err(wrong("none")),
            Some(text) => {
                profile::parse(text).ok().and_then(|rows| rows.into_iter().next()).ok_or_else(|| wrong(text))?
            }
        };
        let tables: &[&Profile] = match lane {
            Lane::Apple => &[&profile::APPLE_M1, &profile::APPLE_M3, &profile::APPLE_WIDE, &profile::APPLE_SOFTWARE],
            Lane::Short => &[&profile::SHORT, &profile::SHORT_M1, &profile::SHORT_DISCRETE],
            Lane::Fragment => &[&profile::FRAGMENT],
            Lane::Matrix => &[&profile::MATRIX, &profile::MATRIX_M1],
            Lane::Rows => &[&profile::ROWS, &profile::ROWS_M1, &profile::ROWS_DISCRETE, &profile::ROWS_SOFTWARE],
            _ => &[],
        };
        let same = |known: &TuningRow| TuningRow { splits: known.splits, ..row.clone() } == *known;
        let is_known = tables.iter().any(|table| table.rows.iter().any(same));
        if is_known { Ok(Candidate { lane, row: Some(row) }) } else { Err(wrong(&row.to_string())) }
    }
}

/// What a measurement may choose among, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// All of them.
    pub all: Vec<Candidate>,
    /// What path `auto` takes unmeasured.
    pub usual: usize,
    /// What path `baseline` takes.
    pub baseline: usize,
}

/// The candidates for a problem on a device. None where path `auto` has nothing to choose: no lane, or lane wide alone.
pub fn candidates(problem: &AttentionProblem, caps: &DeviceCaps) -> Option<Candidates> {
    let unmeasured = PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() };
    select::plan(problem, caps, &unmeasured).ok()?;
    let pick = |path| {
        let Choice { lane, row, .. } =
            select::choose(problem, caps, &PlanOptions { path, ..PlanOptions::default() }).ok()?;
        Some(Candidate { lane, row })
    };
    let (usual, baseline) = (pick(PathChoice::Auto)?, pick(PathChoice::Baseline)?);
    let mut all = vec![usual.clone()];
    let mut add = |candidate: Candidate| {
        if !all.contains(&candidate) && runs(&candidate, problem, caps) {
            all.push(candidate);
        }
    };
    add(baseline.clone());
    let short = problem.q_len <= SHORT_QUERY;
    let lanes: &[Lane] = if short {
        &[Lane::Short, Lane::Rows, Lane::Fragment, Lane::Matrix]
    } else {
        &[Lane::Fragment, Lane::Matrix, Lane::Rows, Lane::Apple]
    };
    for &lane in lanes.iter().filter(|lane| !lane.on_matrices() || select::has_matrix_units(caps)) {
        let rows = rows(lane, problem, caps);
        for row in &rows {
            add(Candidate { lane, row: Some(row.clone()) });
            // Equal splits where the planner would make others: it knows the cores of one device.
            let own = select::lane_choice(lane, problem, caps, slice::from_ref(row), String::new());
            if let Some(Choice { splits, .. }) = own.ok().filter(|choice| choice.keys_per_split.is_some()) {
                add(Candidate { lane, row: Some(TuningRow { splits: Some(splits), ..row.clone() }) });
            }
        }
        // Half and twice as many key splits as the planner would make.
        for row in rows.iter().take(1) {
            let (usual, most) = select::splits(lane, problem, row, caps);
            for splits in [usual / 2, usual * 2] {
                if (lane == Lane::Short || usual > 1) && (1..=most).contains(&splits) {
                    add(Candidate { lane, row: Some(TuningRow { splits: Some(splits), ..row.clone() }) });
                }
            }
        }
    }
    let position = |wanted| all.iter().position(|candidate| candidate == wanted);
    let (usual, baseline) = (position(&usual)?, position(&baseline)?);
    (all.len() > 1).then_some(Candidates { all, usual, baseline })
}

/// A lane's rows of the narrowest head class that covers the problem and fits the device, those of its own choice first.
fn rows(lane: Lane, problem: &AttentionProblem, caps: &DeviceCaps) -> Vec<TuningRow> {
    let own = select::table(lane, caps).0;
    // Rows for small problems alone have nothing to win on long ones, and their kernels would have to be compiled.
    let few_keys = problem.total_len() <= 4 * select::FEW_KEYS_TO_SPLIT;
    // On an Apple GPU all tables are worth a try: what tells the chips apart is reasoned, not timed. Single rows suit few keys.
    let others = match lane {
        Lane::Apple if few_keys || profile::apple_generation(&caps.name).is_some() => {
            [&*profile::APPLE_M1, &*profile::APPLE_M3, &*profile::APPLE_WIDE]
                .map(|table| table.rows.as_slice())
                .concat()
        }
        Lane::Matrix if profile::apple_generation(&caps.name).is_some() => {
            [&*profile::MATRIX_M1, &*profile::MATRIX].map(|table| table.rows.as_slice()).concat()
        }
        // Which rows load keys ahead was timed on one GPU.
        Lane::Short => profile::SHORT.rows.clone(),
        _ => Vec::new(),
    };
    let head_size = problem.head_size.max(problem.v_head_size);
    let covers = |row: &&TuningRow| row.dtype == problem.dtype && row.max_head_size >= head_size && row.is_for(problem);
    let mut rows: Vec<TuningRow> = own.rows.iter().chain(&others).filter(covers).cloned().collect();
    rows.retain(|row| fits(lane, row, problem, caps).is_ok());
    rows.retain(|row| few_keys || lane != Lane::Rows || row.splits.is_none());
    // Tables of lane short divide heads of one number of columns in their own ways, each kernel once.
    let class = |row: &TuningRow| if lane == Lane::Short { 4 * row.columns4() } else { row.max_head_size };
    let narrowest = rows.iter().map(class).min();
    let mut seen = HashSet::new();
    let is_new = |row: &TuningRow| seen.insert(TuningRow { max_head_size: class(row), ..row.clone() });
    rows.retain(|row| Some(class(row)) == narrowest);
    rows.retain(is_new);
    if lane == Lane::Short {
        // A tile for more rows than there are is wasted where a smaller one holds them.
        let least = rows.iter().map(|row| row.rows).filter(|&rows| rows >= problem.q_len).min();
        rows.retain(|row| least.is_none_or(|least| row.rows <= least));
    }
    if let Ok(Choice { row: Some(first), .. }) = select::lane_choice(lane, problem, caps, &[], String::new()) {
        rows.sort_by_key(|row| *row != first);
    }
    rows
}

/// Whether a problem gives the device several times the lanes that keep it busy, so that half of its heads take half the time.
pub fn fills(problem: &AttentionProblem, caps: &DeviceCaps) -> bool {
    let unmeasured = PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() };
    let Ok(Choice { row: Some(row), splits, keys_per_split, .. }) = select::choose(problem, caps, &unmeasured) else {
        return false;
    };
    splits == 1 && keys_per_split.is_none() && select::busy_lanes(problem, &row) >= 8 * select::wanted_lanes(caps)
}

fn runs(candidate: &Candidate, problem: &AttentionProblem, caps: &DeviceCaps) -> bool {
    select::lane_choice(candidate.lane, problem, caps, candidate.row.as_slice(), String::new())
        .and_then(|choice| steps::build(problem, caps, &choice, Presents::Device))
        .is_ok()
}
