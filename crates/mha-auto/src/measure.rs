//! [`measure`]: which candidate answers a problem the fastest on a device.

use std::time::{Duration, Instant};

use mha_gpu::{Gpu, GpuError, Staged};
use mha_plan::{Candidate, Candidates, Lane, Plan, PlanOptions, Preference, Tensor, candidates};
use mha_spec::{AttentionProblem, PathChoice};
use mha_tune::Race;

use crate::samples;

/// Launches of one sample of a candidate: as many as fit [`SAMPLE`], and no more than this.
const MOST_LAUNCHES: usize = 16;
/// A problem that can't be halved is not measured where its launch takes more times what it should.
const MOST_OVER: u32 = 4;
const SAMPLE: Duration = Duration::from_millis(2);

/// How much a measurement may cost.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Time of all launches together.
    pub budget: Duration,
    /// A problem whose launch takes longer than this is measured with half its heads, or a quarter and so on, as long as those
    /// still fill the device.
    pub launch: Duration,
    /// Memory of tensors beyond which a problem is halved too, or not measured where that is no use.
    pub bytes: u64,
    /// Launches for this long before anything counts: a GPU fresh from idle runs several times slow.
    pub warm_up: Duration,
}

impl Effort {
    /// Beside a session's work: short, and on what the session keeps warm.
    pub const ASIDE: Effort = Effort {
        budget: Duration::from_millis(400),
        launch: Duration::from_millis(8),
        bytes: 256 << 20,
        warm_up: Duration::ZERO,
    };
    /// By itself, when the user waits for it.
    pub const ALONE: Effort = Effort {
        budget: Duration::from_secs(60),
        launch: Duration::from_millis(200),
        bytes: 4 << 30,
        warm_up: Duration::from_millis(250),
    };
}

/// What is known of a class of problems on a device. Times are of one launch.
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
    let Some(found) = candidates(problem, gpu.caps()).filter(|_| problem.flops() > 0.0) else { return Ok(None) };
    let whole = problem.flops();
    let Some((problem, staged)) = prepare(gpu, problem, &found.all[found.usual], effort, &mut proceed)? else {
        return Ok(None);
    };
    // A first launch compiles, which leaves a GPU idle: all of them come before any that counts.
    let mut runnable: Vec<Option<Plan>> = Vec::with_capacity(found.all.len());
    for candidate in &found.all {
        if !proceed() {
            return Ok(None);
        }
        let plan = trusted_plan(gpu, &problem, candidate);
        let works = plan.as_ref().map_or(Ok(false), |plan| works(staged.time(plan, 1)))?;
        runnable.push(plan.filter(|_| works));
    }
    let begin = Instant::now();
    while let Some(usual) = runnable[found.usual].as_ref().filter(|_| begin.elapsed() < effort.warm_up) {
        staged.time(usual, MOST_LAUNCHES)?;
    }
    let mut race = Race::new(found.all.len(), found.usual, effort.budget);
    let mut launches = vec![1; found.all.len()];
    while let Some(index) = race.next() {
        if !proceed() {
            return Ok(None);
        }
        let time = runnable[index].as_ref().map(|plan| staged.time(plan, launches[index]));
        match time {
            Some(Ok(time)) => {
                race.record(index, time, time * launches[index] as u32);
                let fitting = (SAMPLE.as_nanos() / time.as_nanos().max(1)) as usize;
                launches[index] = fitting.clamp(1, MOST_LAUNCHES);
            }
            Some(Err(error)) => {
                works(Err(error))?;
                race.fail(index);
            }
            None => race.fail(index),
        }
    }
    let Some(outcome) = race.outcome() else { return Ok(None) };
    // Of half its heads, a problem that fills the device takes half the time.
    let times: Vec<_> =
        outcome.times.iter().map(|time| time.map(|time| time.mul_f64(whole / problem.flops()))).collect();
    let Some(time) = times[outcome.winner] else { return Ok(None) };
    let candidate = found.all[outcome.winner].clone();
    let known = Known { candidate, time, baseline: times[found.baseline] };
    Ok(Some(Measured { candidates: found, times, winner: outcome.winner, known }))
}

/// Whether a launch succeeded. One that failed is the candidate's own affair, unless the device is gone.
fn works(launch: Result<Duration, GpuError>) -> Result<bool, GpuError> {
    match launch {
        Ok(_) => Ok(true),
        Err(error @ GpuError::DeviceLost { .. }) => Err(error),
        Err(_) => Ok(false),
    }
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
        if bytes <= effort.bytes {
            let inputs = samples::inputs(&problem, &plan);
            let inputs: Vec<(Tensor, &[u8])> = inputs.iter().map(|(tensor, data)| (*tensor, data.as_slice())).collect();
            let staged = gpu.stage(&plan, &inputs)?;
            if !proceed() {
                return Ok(None);
            }
            // The first launch compiles, which is none of its time.
            staged.time(&plan, 1)?;
            let time = staged.time(&plan, 1)?;
            if half.is_none() && time > effort.launch * MOST_OVER {
                return Ok(None);
            }
            if half.is_none() || time <= effort.launch {
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
