//! The command line of the benchmark: paths and lanes over named shapes, as a table and as JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mha_gpu::{Gpu, GpuSettings, Timestamps};
use mha_spec::{AdapterChoice, DType};
use serde::Serialize;

use crate::peak::fma_tflops;
use crate::{BenchError, Effort, Measurement, Normals, Shape, Subject, Workload, first_calls, measure};

/// Measures attention on a GPU.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Shapes by name, or `all`, or `sweep` for sequence lengths from 128 to 16384.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    shapes: Vec<String>,
    /// Paths (baseline, ...) and lanes (lane:rows, ...), or `paths`, or `all` for all paths and lanes.
    #[arg(long, value_delimiter = ',', default_value = "paths")]
    subjects: Vec<String>,
    /// Storage types.
    #[arg(long, value_delimiter = ',', default_value = "f32,f16")]
    dtypes: Vec<String>,
    /// Standard deviations of the scores.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    score_deviations: Vec<f32>,
    /// Launches that count.
    #[arg(long, default_value_t = 20)]
    repeats: usize,
    /// Whole calls with host tensors that count.
    #[arg(long, default_value_t = 9)]
    calls: usize,
    /// Rows of every head that are checked against float64.
    #[arg(long, default_value_t = 8)]
    checked_rows: u32,
    /// Part of an adapter's name.
    #[arg(long)]
    adapter: Option<String>,
    /// Tuning rows for a pinned lane, as in its table: `f32 | 64 | 4 | r4s4a2 | 32 | 256`, `;` between rows.
    #[arg(long)]
    rows: Option<String>,
    /// Time the first call of one shape, type and subject instead, with compiled pipelines kept in this folder.
    #[arg(long)]
    first_call: Option<PathBuf>,
    /// Write the results as JSON to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What the JSON file holds.
#[derive(Serialize)]
struct Results {
    device: String,
    /// TFLOP/s of fused multiply-adds, by type.
    peak_tflops: BTreeMap<&'static str, f64>,
    rows: Vec<Measurement>,
    refused: Vec<Refused>,
}

/// A subject that can't run a shape.
#[derive(Serialize)]
struct Refused {
    shape: String,
    dtype: &'static str,
    subject: String,
    why: String,
}

/// Does what the command line asks for; tables go to standard output.
///
/// # Errors
/// One line that says what to type instead, or what failed on the device.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    match &arguments.first_call {
        None => compare(arguments),
        Some(directory) => first_call(arguments, directory),
    }
}

fn compare(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let shapes = shapes(&arguments.shapes)?;
    let subjects = with_rows(subjects(&arguments.subjects)?, arguments.rows.as_deref())?;
    let dtypes = dtypes(&arguments.dtypes)?;
    let settings = GpuSettings { timestamps: Timestamps::Call, ..GpuSettings::default() };
    let gpu = Gpu::open(&adapter(arguments), &settings)?;
    let effort = Effort { repeats: arguments.repeats, calls: arguments.calls };

    let mut peak_tflops = BTreeMap::new();
    for dtype in [DType::F32, DType::F16].into_iter().filter(|dtype| *dtype == DType::F32 || gpu.caps().f16) {
        peak_tflops.insert(dtype.name(), fma_tflops(&gpu, dtype)?);
    }
    println!("{}", gpu.describe());
    let peaks: Vec<String> =
        peak_tflops.iter().map(|(dtype, peak)| format!("{} TFLOP/s in {dtype}", rate(*peak))).collect();
    println!("fused multiply-adds: {}", peaks.join(", "));
    println!(
        "| shape | dtype | score deviation | subject | GPU ms (10 % to 90 %) | TFLOP/s | of f32 peak | GB/s | call ms | \
         largest error | kernel |\n|---|---|---|---|---|---|---|---|---|---|---|"
    );
    let mut results = Results { device: gpu.describe(), peak_tflops, rows: Vec::new(), refused: Vec::new() };
    for shape in &shapes {
        let normals = Normals::new(shape, 1);
        for &dtype in &dtypes {
            for &deviation in &arguments.score_deviations {
                let workload = Workload::new(shape, &normals, dtype, deviation, arguments.checked_rows);
                for subject in &subjects {
                    match measure(&gpu, &workload, subject, &effort) {
                        Ok(row) => {
                            print_row(&row, results.peak_tflops["f32"]);
                            results.rows.push(row);
                        }
                        Err(BenchError::Refused(why)) => {
                            let (shape, dtype, subject) = (shape.name.clone(), dtype.name(), subject.name());
                            println!("| {shape} | {dtype} | {deviation} | {subject} | refused: {why} | | | | | | |");
                            results.refused.push(Refused { shape, dtype, subject, why: why.to_string() });
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
    }
    write_json(arguments, &results)
}

/// Sums and products are float32 in either type, so its peak is what all rates are a share of.
fn print_row(row: &Measurement, peak: f64) {
    let [low, high] = row.gpu_ms_spread;
    println!(
        "| {} | {} | {} | {} | {:.3} ({low:.3} to {high:.3}) | {} | {:.0} % | {:.0} | {:.2} | {:.1e} | {} |",
        row.shape,
        row.dtype,
        row.score_deviation,
        row.subject,
        row.gpu_ms,
        rate(row.tflops),
        100.0 * row.tflops / peak,
        row.gigabytes,
        row.call_ms,
        row.largest_error,
        row.decision.split([',', ':']).next().unwrap_or_default()
    );
}

/// TFLOP/s, which are few on a CPU.
fn rate(tflops: f64) -> String {
    if tflops < 1.0 { format!("{tflops:.4}") } else { format!("{tflops:.1}") }
}

fn first_call(arguments: &Arguments, directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let (shapes, subjects, dtypes) =
        (shapes(&arguments.shapes)?, subjects(&arguments.subjects)?, dtypes(&arguments.dtypes)?);
    let ([shape], [subject], [dtype]) = (&shapes[..], &subjects[..], &dtypes[..]) else {
        return Err("--first-call times one shape, one subject and one dtype: later ones are none".into());
    };
    let settings = GpuSettings { pipeline_cache: Some(directory.to_owned()), ..GpuSettings::default() };
    let gpu = Gpu::open(&adapter(arguments), &settings)?;
    let workload = Workload::new(shape, &Normals::new(shape, 1), *dtype, 1.0, 0);
    let calls = first_calls(&gpu, &workload, subject)?;
    println!("{}", gpu.describe());
    println!(
        "{} {} {}: {:.1} ms, then {:.1} ms",
        calls.shape, calls.dtype, calls.subject, calls.first_ms, calls.second_ms
    );
    write_json(arguments, &calls)
}

fn write_json(arguments: &Arguments, results: &impl Serialize) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(results)? + "\n")?;
    }
    Ok(())
}

fn adapter(arguments: &Arguments) -> AdapterChoice {
    arguments.adapter.clone().map_or(AdapterChoice::Auto, AdapterChoice::Name)
}

fn subjects(names: &[String]) -> Result<Vec<Subject>, BenchError> {
    let mut chosen = Vec::new();
    for name in names {
        match name.as_str() {
            "paths" => chosen.extend(Subject::paths()),
            "all" => chosen.extend(Subject::paths().into_iter().chain(Subject::lanes())),
            _ => chosen.push(Subject::named(name)?),
        }
    }
    Ok(chosen)
}

/// Each pinned lane once for every tuning row, where there are any.
fn with_rows(subjects: Vec<Subject>, rows: Option<&str>) -> Result<Vec<Subject>, BenchError> {
    let Some(rows) = rows else { return Ok(subjects) };
    let rows = mha_plan::profile::parse(&rows.replace(';', "\n"))
        .map_err(|error| BenchError::Row { message: error.message, line: error.line })?;
    Ok(subjects
        .into_iter()
        .flat_map(|subject| match subject {
            Subject::Lane(lane, _) => rows.iter().map(|row| Subject::Lane(lane, Some(row.clone()))).collect(),
            path => vec![path],
        })
        .collect())
}

/// Shapes by their names: built-in ones, `all` of them, and `sweep`.
///
/// # Errors
/// [`BenchError::Unknown`] with the names there are.
pub fn shapes(names: &[String]) -> Result<Vec<Shape>, BenchError> {
    let built_in = Shape::built_in()?;
    let known: Vec<Shape> = built_in.iter().cloned().chain(Shape::sweep()).collect();
    let mut chosen = Vec::new();
    for name in names {
        match name.as_str() {
            "all" => chosen.extend(built_in.clone()),
            "sweep" => chosen.extend(Shape::sweep()),
            _ => chosen.push(known.iter().find(|shape| shape.name == *name).cloned().ok_or_else(|| {
                let names: Vec<&str> = known.iter().map(|shape| shape.name.as_str()).collect();
                BenchError::Unknown {
                    what: "a shape",
                    accepted: format!("{}, all, sweep", names.join(", ")),
                    received: name.clone(),
                }
            })?),
        }
    }
    Ok(chosen)
}

/// Storage types by their names.
///
/// # Errors
/// [`BenchError::Unknown`] with the names there are.
pub fn dtypes(names: &[String]) -> Result<Vec<DType>, BenchError> {
    let find = |name: &String| {
        [DType::F32, DType::F16].into_iter().find(|dtype| dtype.name() == name).ok_or_else(|| BenchError::Unknown {
            what: "a dtype",
            accepted: "f32, f16".to_owned(),
            received: name.clone(),
        })
    };
    names.iter().map(find).collect()
}
