//! One measurement: a subject on a shape.

use std::time::{Duration, Instant};

use mha_gpu::Gpu;
use mha_plan::profile::TuningRow;
use mha_plan::{DeviceKind, Lane, PlanOptions, Tensor, plan};
use mha_spec::{DType, PathChoice};
use serde::Serialize;

use crate::error::BenchError;
use crate::inputs::{Expected, Inputs, Normals};
use crate::shape::Shape;

/// GPU time of work that is thrown away before anything counts: a GPU fresh from idle runs up to six times slow.
const WARM_UP: Duration = Duration::from_millis(300);
/// Launches of the plan itself that are thrown away too.
const DISCARDED: usize = 3;

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

    /// Finds a path or lane by its name.
    ///
    /// # Errors
    /// [`BenchError::Unknown`] with the names there are.
    pub fn named(name: &str) -> Result<Subject, BenchError> {
        let known = || Subject::paths().into_iter().chain(Subject::lanes());
        known().find(|subject| subject.name() == name).ok_or_else(|| BenchError::Unknown {
            what: "a path or lane",
            accepted: known().map(|subject| subject.name()).collect::<Vec<_>>().join(", "),
            received: name.to_owned(),
        })
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Subject::Path(path) => path.name().to_owned(),
            Subject::Lane(lane, None) => format!("lane:{}", lane.name()),
            Subject::Lane(lane, Some(row)) => {
                format!("lane:{} l{} {} w{}", lane.name(), row.lanes, row.tile, row.workgroup_size)
            }
        }
    }

    fn options(&self) -> PlanOptions {
        match self {
            Subject::Path(path) => PlanOptions { path: *path, ..PlanOptions::default() },
            Subject::Lane(lane, row) => PlanOptions { lane: Some(*lane), row: row.clone(), ..PlanOptions::default() },
        }
    }
}

/// How a measurement is made.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Launches that count.
    pub repeats: usize,
    /// Whole calls that count.
    pub calls: usize,
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

    /// Poisoned: what a kernel leaves unwritten is an error of NaN.
    fn output(&self) -> Vec<u8> {
        vec![0xFF; self.inputs.bytes()[0].len()]
    }
}

/// A row of a benchmark table.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// Shape.
    pub shape: String,
    /// Storage type.
    pub dtype: &'static str,
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
    /// Median time of a whole call with tensors in host memory, in milliseconds.
    pub call_ms: f64,
    /// TFLOP/s by GPU time.
    pub tflops: f64,
    /// GB/s by GPU time and the bytes that must move.
    pub gigabytes: f64,
    /// Bytes of scratch memory.
    pub scratch_bytes: u64,
    /// Largest difference from float64.
    pub largest_error: f64,
}

/// Measures one subject on one workload.
///
/// # Errors
/// [`BenchError`] where the plan is refused or the device fails.
pub fn measure(gpu: &Gpu, workload: &Workload, subject: &Subject, effort: &Effort) -> Result<Measurement, BenchError> {
    let Workload { shape, dtype, .. } = workload;
    let plan = plan(&shape.problem(*dtype), gpu.caps(), &subject.options())?;
    let given = workload.given();
    let mut output = workload.output();

    gpu.measure(&plan, &given, &mut [(Tensor::Output, &mut output)], 1)?;
    output.fill(0xFF);
    warm_up(gpu)?;
    let launches = gpu.measure(&plan, &given, &mut [(Tensor::Output, &mut output)], DISCARDED + effort.repeats)?;
    let mut times: Vec<f64> =
        launches[DISCARDED..].iter().filter_map(|launch| launch.gpu_time).map(milliseconds).collect();
    times.sort_by(f64::total_cmp);
    let largest_error = workload.expected.largest_error(&output);

    let mut calls = Vec::new();
    for _ in 0..effort.calls {
        let begin = Instant::now();
        gpu.run(&plan, &given.map(|(tensor, data)| (tensor, data.into())), &mut [(Tensor::Output, &mut output)])?;
        calls.push(milliseconds(begin.elapsed()));
    }
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    let gpu_ms = at(0.5);
    Ok(Measurement {
        shape: shape.name.clone(),
        dtype: dtype.name(),
        score_deviation: workload.score_deviation,
        subject: subject.name(),
        decision: plan.decision.clone(),
        gpu_ms,
        gpu_ms_spread: [at(0.1), at(0.9)],
        call_ms: median(calls),
        tflops: shape.flops() / gpu_ms / 1e9,
        gigabytes: shape.bytes(*dtype) / gpu_ms / 1e6,
        scratch_bytes: plan.scratch.iter().sum(),
        largest_error,
    })
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
pub fn first_calls(gpu: &Gpu, workload: &Workload, subject: &Subject) -> Result<FirstCalls, BenchError> {
    let mut output = workload.output();
    let mut times = [0.0; 2];
    for time in &mut times {
        let begin = Instant::now();
        let plan = plan(&workload.shape.problem(workload.dtype), gpu.caps(), &subject.options())?;
        gpu.run(
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

/// Keeps the device busy for [`WARM_UP`], with one and the same plan for every subject. What follows must follow at once.
pub(crate) fn warm_up(gpu: &Gpu) -> Result<(), BenchError> {
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
    while busy < WARM_UP {
        let reports = gpu.measure(&plan, &given, &mut [(Tensor::Output, &mut output)], launches)?;
        busy = reports.iter().filter_map(|report| report.gpu_time).sum();
        let one = busy / u32::try_from(launches).unwrap_or(1);
        launches = (WARM_UP.as_nanos() / one.as_nanos().max(1)) as usize + launches / 4 + 1;
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
