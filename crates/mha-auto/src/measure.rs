//! [`measure`]: which candidate answers a problem the fastest on a device.

use std::time::{Duration, Instant};

use mha_gpu::{Gpu, GpuError, Staged};
use mha_plan::{Candidate, Candidates, Lane, Plan, PlanOptions, Preference, Tensor, candidates};
use mha_spec::{AttentionProblem, PathChoice};
use mha_tune::Race;

use crate::samples;

/// Memory of a problem's tensors beyond which it is halved or not measured.
const MOST_BYTES: u64 = 256 << 20;
/// Launches of one sample of a candidate: as many as fit [`SAMPLE`], and no more than this.
const MOST_LAUNCHES: u32 = 16;
const SAMPLE: Duration = Duration::from_millis(2);

/// How much a measurement may cost.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Time of all launches together.
    pub budget: Duration,
    /// A problem whose launch takes longer than this is measured with half its heads, or a quarter and so on, as long as those
    /// still fill the device.
    pub launch: Duration,
    /// Launches for this long before anything counts: a GPU fresh from idle runs several times slow.
    pub warm_up: Duration,
}

impl Effort {
    /// Beside a session's work: short, and on what the session keeps warm.
    pub const ASIDE: Effort =
        Effort { budget: Duration::from_millis(400), launch: Duration::from_millis(8), warm_up: Duration::ZERO };
    /// By itself, when the user waits for it.
    pub const ALONE: Effort = Effort {
        budget: Duration::from_secs(60),
        launch: Duration::from_millis(200),
        warm_up: Duration::from_millis(200),
    };
}

/// What is known of a class of problems on a device. Times are of one launch of the problem that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The fastest.
    pub candidate: Candidate,
    /// Its time.
    pub time: Duration,
    /// The time of what path `baseline` takes, where it was measured.
    pub baseline: Option<Duration>,
}

impl Known {
    /// As the planner wants it.
    pub fn preference(&self) -> Preference {
        let why = match self.baseline {
            Some(baseline) if baseline != self.time => {
                format!("the fastest measured on this device: {:.3?}, baseline {baseline:.3?}", self.time)
            }
            _ => format!("the fastest measured on this device: {:.3?}", self.time),
        };
        Preference { candidate: self.candidate.clone(), why }
    }
}

/// A measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was compared.
    pub candidates: Candidates,
    /// For each candidate the median time of a launch; None for one that can't run or left before any time counted.
    pub times: Vec<Option<Duration>>,
    /// The position of the winner.
    pub winner: usize,
    /// What is now known.
    pub known: Known,
}

/// Measures the candidates for a problem with tensors of random numbers. `proceed` is asked before each sample, and may wait.
/// None where there is nothing to choose, where `proceed` says no, or where the budget ends before anything is known.
///
/// # Errors
/// What failed on the device, where it was more than one candidate.
pub fn measure(
    gpu: &Gpu,
    problem: &AttentionProblem,
    effort: &Effort,
    mut proceed: impl FnMut() -> bool,
) -> Result<Option<Measured>, GpuError> {
    let Some(found) = candidates(problem, gpu.caps()) else { return Ok(None) };
    let Some((problem, staged)) = prepare(gpu, problem, &found.all[found.usual], effort, &mut proceed)? else {
        return Ok(None);
    };
    let plans: Vec<Option<Plan>> = found.all.iter().map(|candidate| trusted_plan(gpu, &problem, candidate)).collect();
    let mut race = Race::new(plans.len(), found.usual, effort.budget);
    let mut launches = vec![1; plans.len()];
    while let Some(index) = race.next() {
        let Some(plan) = &plans[index] else {
            race.fail(index);
            continue;
        };
        if !proceed() {
            return Ok(None);
        }
        match staged.time(plan, launches[index]) {
            Ok(time) => {
                race.record(index, time, time * launches[index] as u32);
                let fitting = SAMPLE.as_nanos() / time.as_nanos().max(1);
                launches[index] = fitting.clamp(1, u128::from(MOST_LAUNCHES)) as usize;
            }
            Err(error @ GpuError::DeviceLost { .. }) => return Err(error),
            Err(_) => race.fail(index),
        }
    }
    let Some(outcome) = race.outcome() else { return Ok(None) };
    let Some(time) = outcome.times[outcome.winner] else { return Ok(None) };
    let candidate = found.all[outcome.winner].clone();
    let known = Known { candidate, time, baseline: outcome.times[found.baseline] };
    Ok(Some(Measured { candidates: found, times: outcome.times, winner: outcome.winner, known }))
}

/// The problem, halved as often as the effort asks for, with its tensors on the device.
fn prepare<'a>(
    gpu: &'a Gpu,
    problem: &AttentionProblem,
    usual: &Candidate,
    effort: &Effort,
    proceed: &mut impl FnMut() -> bool,
) -> Result<Option<(AttentionProblem, Staged<'a>)>, GpuError> {
    let mut problem = problem.clone();
    loop {
        let Some(plan) = plan(gpu, &problem, usual) else { return Ok(None) };
        let half = samples::halved(&problem, gpu.caps());
        let bytes: u64 = plan.tensors.iter().map(|(_, bytes)| bytes).chain(&plan.scratch).sum();
        if bytes <= MOST_BYTES {
            let inputs = samples::inputs(&problem, &plan);
            let inputs: Vec<(Tensor, &[u8])> = inputs.iter().map(|(tensor, data)| (*tensor, data.as_slice())).collect();
            let staged = gpu.stage(&plan, &inputs)?;
            if !proceed() {
                return Ok(None);
            }
            staged.time(&plan, 1)?;
            let begin = Instant::now();
            let mut time = staged.time(&plan, 1)?;
            while time <= effort.launch && begin.elapsed() < effort.warm_up {
                time = staged.time(&plan, MOST_LAUNCHES as usize)?;
            }
            if time <= effort.launch || half.is_none() {
                return Ok(Some((problem, staged)));
            }
        }
        match half {
            Some(half) => problem = half,
            None => return Ok(None),
        }
    }
}

/// The plan of a candidate, unless it needs a kernel that the device does not vouch for.
fn trusted_plan(gpu: &Gpu, problem: &AttentionProblem, candidate: &Candidate) -> Option<Plan> {
    plan(gpu, problem, candidate).filter(|plan| candidate.lane != Lane::Matrix || gpu.vouches_for(plan))
}

fn plan(gpu: &Gpu, problem: &AttentionProblem, candidate: &Candidate) -> Option<Plan> {
    let prefer = Some(Preference { candidate: candidate.clone(), why: "to be measured".to_owned() });
    let options = PlanOptions { path: PathChoice::Auto, prefer, ..PlanOptions::default() };
    mha_plan::plan(problem, gpu.caps(), &options).ok()
}
