//! One measurement: a subject on a shape.

use std::time::{Duration, Instant};

use mha_gpu::Gpu;
use mha_plan::profile::TuningRow;
use mha_plan::{DeviceKind, Lane, PlanOptions, Tensor, plan};
use mha_spec::{DType, PathChoice};
use serde::Serialize;

use crate::error::BenchError;
use crate::inputs::Inputs;
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
    /// Finds a path or lane by its name.
    ///
    /// # Errors
    /// [`BenchError::Unknown`] with the names there are.
    pub fn named(name: &str) -> Result<Subject, BenchError> {
        let path = PathChoice::ALL.into_iter().find(|path| path.name() == name).map(Subject::Path);
        let lane = name.strip_prefix("lane:").and_then(|name| Lane::ALL.into_iter().find(|lane| lane.name() == name));
        path.or(lane.map(|lane| Subject::Lane(lane, None))).ok_or_else(|| BenchError::Unknown {
            what: "a path or lane",
            accepted: PathChoice::ALL
                .iter()
                .map(|path| path.name().to_owned())
                .chain(Lane::ALL.iter().map(|lane| format!("lane:{}", lane.name())))
                .collect::<Vec<_>>()
                .join(", "),
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
    /// Standard deviation of the scores.
    pub score_deviation: f32,
    /// Launches that count.
    pub repeats: usize,
    /// Rows of every head that are checked against float64.
    pub checked_rows: u32,
}

/// A row of a benchmark table.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// Shape.
    pub shape: String,
    /// Storage type.
    pub dtype: &'static str,
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
    /// Largest difference from float64.
    pub largest_error: f64,
}

/// Measures one subject on one shape.
///
/// # Errors
/// [`BenchError`] where the plan is refused or the device fails.
pub fn measure(
    gpu: &Gpu,
    shape: &Shape,
    dtype: DType,
    subject: &Subject,
    effort: &Effort,
) -> Result<Measurement, BenchError> {
    let problem = shape.problem(dtype);
    let plan = plan(&problem, gpu.caps(), &subject.options())?;
    let inputs = Inputs::random(shape, dtype, effort.score_deviation, 1);
    let [q, k, v] = inputs.bytes();
    let given = [(Tensor::Query, q), (Tensor::Key, k), (Tensor::Value, v)];
    // Poisoned: what a kernel leaves unwritten is an error of NaN.
    let mut output = vec![0xFF_u8; q.len()];

    gpu.measure(&plan, &given, &mut [(Tensor::Output, &mut output)], 1)?;
    output.fill(0xFF);
    warm_up(gpu)?;
    let launches = gpu.measure(&plan, &given, &mut [(Tensor::Output, &mut output)], DISCARDED + effort.repeats)?;
    let mut times: Vec<f64> = launches[DISCARDED..]
        .iter()
        .filter_map(|launch| launch.gpu_time)
        .map(|time| time.as_secs_f64() * 1e3)
        .collect();
    times.sort_by(f64::total_cmp);

    let mut calls = Vec::new();
    for _ in 0..effort.repeats.clamp(3, 9) {
        let begin = Instant::now();
        gpu.run(&plan, &given, &mut [(Tensor::Output, &mut output)])?;
        calls.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    calls.sort_by(f64::total_cmp);

    let at = |sorted: &[f64], part: f64| sorted.get((sorted.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    let gpu_ms = at(&times, 0.5);
    Ok(Measurement {
        shape: shape.name.clone(),
        dtype: dtype.name(),
        subject: subject.name(),
        decision: plan.decision.clone(),
        gpu_ms,
        gpu_ms_spread: [at(&times, 0.1), at(&times, 0.9)],
        call_ms: at(&calls, 0.5),
        tflops: shape.flops() / gpu_ms / 1e9,
        gigabytes: shape.bytes(dtype) / gpu_ms / 1e6,
        largest_error: inputs.largest_error(shape, &output, effort.checked_rows),
    })
}

/// Keeps the device busy for [`WARM_UP`], with one and the same plan for every subject. What follows must follow at once.
fn warm_up(gpu: &Gpu) -> Result<(), BenchError> {
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
