//! Measurements: subjects on a shape.

use std::time::{Duration, Instant};

use mha_auto::Auto;
use mha_gpu::Gpu;
use mha_plan::{DeviceKind, Plan, PlanOptions, Refusal, Tensor, plan};
use mha_spec::DType;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::BenchError;
use crate::inputs::{Errors, Expected, Inputs, Normals};
use crate::shape::Shape;
use crate::subject::Subject;

/// GPU time of work that is thrown away before anything counts: a GPU fresh from idle runs up to six times slow.
pub(crate) const WARM_UP: Duration = Duration::from_millis(300);
/// The same where the device was busy a moment ago.
const WARM_UP_AGAIN: Duration = Duration::from_millis(100);
/// Launches of the plan itself that are thrown away too, on a GPU and on a CPU, which needs no warming.
const DISCARDED: [usize; 2] = [3, 1];

/// GPU time of a chain of calls in one compute pass, and the calls that it has at least and at most: a pass has some µs of its own, which
/// many short calls or a few long ones make small.
const CHAIN: Duration = Duration::from_millis(5);
const LINKS: [u32; 2] = [4, 64];
/// Chains that are measured in each round, the first of which is thrown away.
const CHAINS: usize = 4;

/// What outputs hold before a launch. Poison: whatever a kernel leaves unwritten is an error of NaN.
const UNWRITTEN: u8 = 0xFF;

/// How measurements are made.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Launches of each subject that count, 1 or more.
    pub repeats: usize,
    /// Whole calls of each subject that count.
    pub calls: usize,
    /// Rounds that launches and calls are shared out over, 1 or more, and as many as launches at most. The subjects take
    /// turns in every round, so that what the device does over time meets all alike.
    pub rounds: usize,
}

/// A shape's problem with its tensors: what subjects are compared on.
pub struct Workload {
    shape: Shape,
    dtype: DType,
    score_deviation: f32,
    inputs: Inputs,
    expected: Expected,
}

impl Workload {
    /// A shape in a type, with `score_deviation` as the standard deviation of the scores and `checked_rows` rows of every
    /// head to be checked.
    pub fn new(shape: &Shape, normals: &Normals, dtype: DType, score_deviation: f32, checked_rows: u32) -> Workload {
        let inputs = Inputs::new(normals, dtype, score_deviation);
        let expected = Expected::new(shape, &inputs, checked_rows);
        Workload { shape: shape.clone(), dtype, score_deviation, inputs, expected }
    }

    fn given(&self) -> [(Tensor, &[u8]); 3] {
        let [q, k, v] = self.inputs.bytes();
        [(Tensor::Query, q), (Tensor::Key, k), (Tensor::Value, v)]
    }

    fn output(&self) -> Vec<u8> {
        vec![UNWRITTEN; self.inputs.bytes()[0].len()]
    }
}

/// A row of a benchmark table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Shape.
    pub shape: String,
    /// Storage type.
    pub dtype: String,
    /// Standard deviation of the scores.
    pub score_deviation: f32,
    /// Path or lane.
    pub subject: String,
    /// The kernel that answered, and why.
    pub decision: String,
    /// Median GPU time in milliseconds of the one compute pass that holds all steps.
    pub gpu_ms: f64,
    /// Tenth and ninetieth percentile of the same.
    pub gpu_ms_spread: [f64; 2],
    /// Median of what a call adds to a chain of calls in one compute pass, in milliseconds. None where it was not measured, as on
    /// software devices, where a pass costs nothing beside the work itself.
    #[serde(default)]
    pub chain_ms: Option<f64>,
    /// Median time of a whole call with tensors in host memory, in milliseconds.
    pub call_ms: f64,
    /// TFLOP/s by GPU time.
    pub tflops: f64,
    /// GB/s by GPU time and the bytes that must move.
    pub gigabytes: f64,
    /// Bytes of scratch memory.
    pub scratch_bytes: u64,
    /// Largest difference from float64. Infinite where a value is not a number, which JSON has as null.
    #[serde(deserialize_with = "infinite_if_null")]
    pub largest_error: f64,
    /// Root mean square of the differences from float64. None where a value is not a number, and in files from before it was taken.
    #[serde(default)]
    pub rms_error: Option<f64>,
}

fn infinite_if_null<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or(f64::INFINITY))
}

/// Measures subjects on one workload, in turns, on the device of `auto`. `begins` is called whenever one begins a round.
///
/// # Errors
/// [`BenchError::Gpu`] where the device fails. A subject that the planner refuses has that as its result.
pub fn measure(
    auto: &Auto,
    workload: &Workload,
    subjects: &[Subject],
    effort: &Effort,
    mut begins: impl FnMut(&Subject),
) -> Result<Vec<Result<Measurement, Refusal>>, BenchError> {
    let (gpu, problem) = (auto.gpu(), workload.shape.problem(workload.dtype));
    let mut runs: Vec<_> = subjects.iter().map(|subject| Ok(Run::new(subject.plan(auto, &problem)?))).collect();
    let mut output = workload.output();
    for run in runs.iter().filter_map(|run| run.as_ref().ok()) {
        // Compiles, which leaves the device idle: all of them, before any counts.
        gpu.measure(&run.plan, &workload.given(), &mut [(Tensor::Output, &mut output)], 1)?;
    }
    let rounds = effort.rounds.min(effort.repeats);
    for round in 0..rounds {
        let share = |total: usize| total / rounds + usize::from(round < total % rounds);
        for turn in 0..subjects.len() {
            // There and back, so that within a round, too, none is always early.
            let index = if round % 2 == 0 { turn } else { subjects.len() - 1 - turn };
            begins(&subjects[index]);
            if let Ok(run) = &mut runs[index] {
                let was_idle = round == 0 && turn == 0;
                run.launch(gpu, workload, was_idle, share(effort.repeats), &mut output)?;
                run.call(gpu, workload, share(effort.calls), &mut output)?;
            }
        }
    }
    Ok(runs.into_iter().zip(subjects).map(|(run, subject)| run.map(|run| run.result(workload, subject))).collect())
}

/// What is known of a subject so far.
struct Run {
    plan: Plan,
    gpu_ms: Vec<f64>,
    chain_ms: Vec<f64>,
    call_ms: Vec<f64>,
    errors: Errors,
}

impl Run {
    fn new(plan: Plan) -> Run {
        Run { plan, gpu_ms: Vec::new(), chain_ms: Vec::new(), call_ms: Vec::new(), errors: Errors::default() }
    }

    /// A round of launches. `was_idle`: whether the device has been, for longer than a moment.
    fn launch(
        &mut self,
        gpu: &Gpu,
        workload: &Workload,
        was_idle: bool,
        repeats: usize,
        output: &mut [u8],
    ) -> Result<(), BenchError> {
        let given = workload.given();
        output.fill(UNWRITTEN);
        warm_up(gpu, if was_idle { WARM_UP } else { WARM_UP_AGAIN })?;
        let is_software = gpu.caps().kind == DeviceKind::Software;
        let discarded = DISCARDED[usize::from(is_software)];
        let mut staged = gpu.stage(&self.plan, &given)?;
        let launches = staged.launch(&self.plan, discarded + repeats)?;
        let times = launches[discarded..].iter().filter_map(|launch| launch.gpu_time);
        self.gpu_ms.extend(times.map(milliseconds));
        if let (Some(least), false) = (launches.iter().filter_map(|launch| launch.gpu_time).min(), is_software) {
            let links = (CHAIN.as_nanos() / least.as_nanos().max(1)) as u32;
            let chains = (0..CHAINS).map(|_| staged.chain(&self.plan, links.clamp(LINKS[0], LINKS[1])));
            let chains = chains.collect::<Result<Vec<_>, _>>()?;
            self.chain_ms.extend(chains.into_iter().skip(1).flatten().map(milliseconds));
        }
        staged.read(&mut [(Tensor::Output, output)])?;
        self.errors = self.errors.max(workload.expected.errors(output));
        Ok(())
    }

    /// A round of whole calls.
    fn call(&mut self, gpu: &Gpu, workload: &Workload, calls: usize, output: &mut [u8]) -> Result<(), BenchError> {
        for _ in 0..calls {
            let given = workload.given().map(|(tensor, data)| (tensor, data.into()));
            let begin = Instant::now();
            gpu.run(&self.plan, &given, &mut [(Tensor::Output, output)])?;
            self.call_ms.push(milliseconds(begin.elapsed()));
        }
        Ok(())
    }

    fn result(mut self, workload: &Workload, subject: &Subject) -> Measurement {
        let Workload { shape, dtype, .. } = workload;
        self.gpu_ms.sort_by(f64::total_cmp);
        let at = |part: f64| self.gpu_ms.get((self.gpu_ms.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
        let gpu_ms = at(0.5);
        Measurement {
            shape: shape.name.clone(),
            dtype: dtype.name().to_owned(),
            score_deviation: workload.score_deviation,
            subject: subject.name(),
            decision: self.plan.decision.clone(),
            gpu_ms,
            gpu_ms_spread: [at(0.1), at(0.9)],
            chain_ms: Some(median(self.chain_ms)).filter(|time| time.is_finite()),
            call_ms: median(self.call_ms),
            tflops: shape.flops() / gpu_ms / 1e9,
            gigabytes: shape.bytes(*dtype) / gpu_ms / 1e6,
            scratch_bytes: self.plan.scratch.iter().sum::<u64>() + self.plan.exchange,
            largest_error: self.errors.largest,
            rms_error: Some(self.errors.rms).filter(|rms| rms.is_finite()),
        }
    }
}

/// Times of a subject's first calls in a process, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct FirstCalls {
    /// Shape.
    pub shape: String,
    /// Storage type.
    pub dtype: &'static str,
    /// Path or lane.
    pub subject: String,
    /// The first call with tensors in host memory: planning, compiling, allocating, running.
    pub first_ms: f64,
    /// The call after it.
    pub second_ms: f64,
}

/// Times the first call of a subject. Only the first of a process tells anything.
///
/// # Errors
/// As [`measure`].
pub fn first_calls(auto: &Auto, workload: &Workload, subject: &Subject) -> Result<FirstCalls, BenchError> {
    let mut output = workload.output();
    let mut times = [0.0; 2];
    for time in &mut times {
        let begin = Instant::now();
        let plan = subject.plan(auto, &workload.shape.problem(workload.dtype))?;
        auto.gpu().run(
            &plan,
            &workload.given().map(|(tensor, data)| (tensor, data.into())),
            &mut [(Tensor::Output, &mut output)],
        )?;
        *time = milliseconds(begin.elapsed());
    }
    Ok(FirstCalls {
        shape: workload.shape.name.clone(),
        dtype: workload.dtype.name(),
        subject: subject.name(),
        first_ms: times[0],
        second_ms: times[1],
    })
}

/// Keeps the device busy for `least`, with one and the same plan for every subject. What follows must follow at once.
pub(crate) fn warm_up(gpu: &Gpu, least: Duration) -> Result<(), BenchError> {
    if gpu.caps().kind == DeviceKind::Software {
        return Ok(());
    }
    let shape = Shape::square("warm-up", 2048);
    let plan = plan(&shape.problem(DType::F32), gpu.caps(), &PlanOptions::default())?;
    let zeros = vec![0_u8; shape.bytes(DType::F32) as usize / 4];
    let given = [Tensor::Query, Tensor::Key, Tensor::Value].map(|tensor| (tensor, zeros.as_slice()));
    let mut output = zeros.clone();
    let mut busy = Duration::ZERO;
    let mut launches = 1;
    while busy < least {
        let reports = gpu.measure(&plan, &given, &mut [(Tensor::Output, &mut output)], launches)?;
        busy = reports.iter().filter_map(|report| report.gpu_time).sum();
        let one = busy / u32::try_from(launches).unwrap_or(1);
        launches = (least.as_nanos() / one.as_nanos().max(1)) as usize + launches / 4 + 1;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The middle of some times. NaN where there are none.
pub(crate) fn median(times: impl IntoIterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.into_iter().collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
