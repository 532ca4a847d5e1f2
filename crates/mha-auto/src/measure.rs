//! [`measure`]: which candidate answers a problem the fastest on a device.

use std::time::{Duration, Instant};

use mha_gpu::{Gpu, GpuError, Staged};
use mha_plan::{Candidate, Candidates, Plan, PlanOptions, Preference, Tensor, candidates};
use mha_spec::{AttentionProblem, PathChoice, PresentOutputs};
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

/// Why a measurement decided nothing.
#[derive(Debug, thiserror::Error)]
pub enum Undecided {
    /// There is one candidate or none, or nothing to compute.
    #[error("there is nothing to choose")]
    NoChoice,
    /// Tensors of the least part that fills the device need more than [`Effort::bytes`].
    #[error("tensors to measure with need {needed} bytes, where {allowed} are allowed")]
    TooLarge {
        /// Their bytes.
        needed: u64,
        /// The effort's.
        allowed: u64,
    },
    /// A launch of the least part that fills the device takes far longer than [`Effort::launch`], on a device as busy as it is.
    #[error("a launch takes {0:.3?}")]
    TooSlow(Duration),
    /// [`Effort::budget`] ended before enough was known.
    #[error("the time ran out")]
    OutOfTime,
    /// `proceed` said no.
    #[error("it was called off")]
    CalledOff,
    /// Every candidate failed by itself.
    #[error("no candidate runs")]
    NoneRuns,
    /// The device failed, whatever the candidate.
    #[error(transparent)]
    Failed(#[from] GpuError),
}

impl Undecided {
    /// Whether a later measurement with the same effort would come to the same. What depends on time, memory or luck may be another
    /// program's doing.
    pub fn is_lasting(&self) -> bool {
        match self {
            Undecided::NoChoice | Undecided::TooLarge { .. } => true,
            Undecided::TooSlow(_)
            | Undecided::OutOfTime
            | Undecided::CalledOff
            | Undecided::NoneRuns
            | Undecided::Failed(_) => false,
        }
    }
}

/// Measures the candidates for a problem with tensors of random numbers. `proceed` is asked before each sample, and may wait.
///
/// # Errors
/// Why nothing is decided.
pub fn measure(
    gpu: &Gpu,
    problem: &AttentionProblem,
    effort: &Effort,
    mut proceed: impl FnMut() -> bool,
) -> Result<Measured, Undecided> {
    // Whoever writes presents, they are the same work for all.
    let problem = &AttentionProblem { present: PresentOutputs::default(), ..problem.clone() };
    let found = candidates(problem, gpu.caps()).filter(|_| problem.flops() > 0.0).ok_or(Undecided::NoChoice)?;
    let whole = problem.flops();
    let (problem, staged) = prepare(gpu, problem, &found.all[found.usual], effort, &mut proceed)?;
    // A first launch compiles, which leaves a GPU idle: all of them come before any that counts.
    let mut runnable: Vec<Option<Plan>> = Vec::with_capacity(found.all.len());
    for candidate in &found.all {
        go_on(&mut proceed)?;
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
        go_on(&mut proceed)?;
        let time = runnable[index].as_ref().map(|plan| staged.time(plan, launches[index]));
        match time {
            Some(Ok(time)) => {
                race.record(index, time, time * launches[index] as u32);
                let fitting = (SAMPLE.as_nanos() / time.as_nanos().max(1)) as usize;
                launches[index] = fitting.clamp(1, MOST_LAUNCHES);
            }
            Some(Err(error)) => {
                works(Err(error))?;
                runnable[index] = None;
                race.fail(index);
            }
            None => race.fail(index),
        }
    }
    let none = || if runnable.iter().all(Option::is_none) { Undecided::NoneRuns } else { Undecided::OutOfTime };
    let outcome = race.outcome().ok_or_else(none)?;
    // Of half its heads, a problem that fills the device takes half the time.
    let times: Vec<_> =
        outcome.times.iter().map(|time| time.map(|time| time.mul_f64(whole / problem.flops()))).collect();
    let time = times[outcome.winner].ok_or(Undecided::OutOfTime)?;
    let candidate = found.all[outcome.winner].clone();
    let known = Known { candidate, time, baseline: times[found.baseline] };
    Ok(Measured { candidates: found, times, winner: outcome.winner, known })
}

fn go_on(proceed: &mut impl FnMut() -> bool) -> Result<(), Undecided> {
    if proceed() { Ok(()) } else { Err(Undecided::CalledOff) }
}

/// Whether a launch succeeded. One that failed is the candidate's own affair, unless the device is gone, or out of memory: other
/// programs may hold that, and what then happens to run is no choice.
fn works(launch: Result<Duration, GpuError>) -> Result<bool, GpuError> {
    match launch {
        Ok(_) => Ok(true),
        Err(error @ (GpuError::DeviceLost { .. } | GpuError::OutOfMemory { .. })) => Err(error),
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
) -> Result<(AttentionProblem, Staged<'a>), Undecided> {
    let mut problem = problem.clone();
    loop {
        let plan = plan(gpu, &problem, usual).ok_or(Undecided::NoChoice)?;
        let half = samples::halved(&problem, gpu.caps());
        let own = plan.scratch.iter().chain([&plan.exchange]);
        let bytes: u64 = plan.tensors.iter().map(|(_, bytes)| bytes).chain(own).sum();
        if bytes <= effort.bytes {
            let inputs = samples::inputs(&problem, &plan);
            let inputs: Vec<(Tensor, &[u8])> = inputs.iter().map(|(tensor, data)| (*tensor, data.as_slice())).collect();
            let staged = gpu.stage(&plan, &inputs)?;
            go_on(proceed)?;
            // The first launch compiles, which is none of its time.
            staged.time(&plan, 1)?;
            let time = staged.time(&plan, 1)?;
            if half.is_none() && time > effort.launch * MOST_OVER {
                return Err(Undecided::TooSlow(time));
            }
            if half.is_none() || time <= effort.launch {
                return Ok((problem, staged));
            }
        }
        problem = half.ok_or(Undecided::TooLarge { needed: bytes, allowed: effort.bytes })?;
    }
}

/// The plan of a candidate, unless it needs a kernel that the device does not vouch for.
fn trusted_plan(gpu: &Gpu, problem: &AttentionProblem, candidate: &Candidate) -> Option<Plan> {
    plan(gpu, problem, candidate).filter(|plan| !candidate.lane.on_matrices() || gpu.vouches_for(plan))
}

fn plan(gpu: &Gpu, problem: &AttentionProblem, candidate: &Candidate) -> Option<Plan> {
    let prefer = Some(Preference { candidate: candidate.clone(), why: "to be measured".to_owned() });
    let options = PlanOptions { path: PathChoice::Auto, prefer, ..PlanOptions::default() };
    mha_plan::plan(problem, gpu.caps(), &options).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_fails_by_itself_unless_the_device_or_its_memory_is_gone() {
        let own = GpuError::Shader { kernel: "rows", message: "no".into() };
        assert!(!works(Err(own)).unwrap());
        assert!(works(Ok(Duration::ZERO)).unwrap());
        let memory = GpuError::OutOfMemory { operation: "create a buffer of 16 bytes".into() };
        for general in [memory, GpuError::DeviceLost { message: "gone".into() }] {
            assert!(works(Err(general)).is_err());
        }
    }
}
