//! `attention-bench`: measures paths and lanes over named shapes, as a table and as JSON.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mha_bench::{BenchError, Effort, Shape, Subject, measure};
use mha_gpu::{Gpu, GpuSettings, Timestamps};
use mha_spec::{AdapterChoice, DType};

/// Measures attention on a GPU.
#[derive(Parser)]
struct Arguments {
    /// Shapes by name, or `all`, or `sweep` for sequence lengths from 128 to 16384.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    shapes: Vec<String>,
    /// Paths (baseline, apple) and lanes (lane:rows, ...).
    #[arg(long, value_delimiter = ',', default_value = "baseline,apple")]
    subjects: Vec<String>,
    /// Storage types.
    #[arg(long, value_delimiter = ',', default_value = "f32,f16")]
    dtypes: Vec<String>,
    /// Standard deviation of the scores.
    #[arg(long, default_value_t = 1.0)]
    score_deviation: f32,
    /// Launches that count.
    #[arg(long, default_value_t = 20)]
    repeats: usize,
    /// Rows of every head that are checked against float64.
    #[arg(long, default_value_t = 8)]
    checked_rows: u32,
    /// Part of an adapter's name.
    #[arg(long)]
    adapter: Option<String>,
    /// Tuning rows for a pinned lane, as in its table: `f32 | 64 | 4 | r4s4b4p4 | 32 | 128`, `;` between rows.
    #[arg(long)]
    rows: Option<String>,
    /// Write the rows as JSON to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attention-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let shapes = shapes(&arguments.shapes)?;
    let subjects = arguments.subjects.iter().map(|name| Subject::named(name)).collect::<Result<Vec<_>, _>>()?;
    let subjects = with_rows(subjects, arguments.rows.as_deref())?;
    let dtypes = arguments.dtypes.iter().map(|name| dtype(name)).collect::<Result<Vec<_>, _>>()?;
    let adapter = arguments.adapter.clone().map_or(AdapterChoice::Auto, AdapterChoice::Name);
    let gpu = Gpu::open(&adapter, &GpuSettings { timestamps: Timestamps::Call, ..GpuSettings::default() })?;

    println!("{}", gpu.describe());
    println!(
        "| shape | dtype | subject | GPU ms (10 % to 90 %) | TFLOP/s | GB/s | call ms | largest error | kernel |\n\
         |---|---|---|---|---|---|---|---|---|"
    );
    let effort = Effort {
        score_deviation: arguments.score_deviation,
        repeats: arguments.repeats,
        checked_rows: arguments.checked_rows,
    };
    let mut rows = Vec::new();
    for shape in &shapes {
        for &dtype in &dtypes {
            for subject in &subjects {
                match measure(&gpu, shape, dtype, subject, &effort) {
                    Ok(row) => {
                        let [low, high] = row.gpu_ms_spread;
                        println!(
                            "| {} | {} | {} | {:.3} ({low:.3} to {high:.3}) | {:.1} | {:.0} | {:.2} | {:.1e} | {} |",
                            row.shape,
                            row.dtype,
                            row.subject,
                            row.gpu_ms,
                            row.tflops,
                            row.gigabytes,
                            row.call_ms,
                            row.largest_error,
                            row.decision.split([',', ':']).next().unwrap_or_default()
                        );
                        rows.push(row);
                    }
                    Err(BenchError::Refused(why)) => {
                        println!(
                            "| {} | {} | {} | refused: {why} | | | | | |",
                            shape.name,
                            dtype.name(),
                            subject.name()
                        );
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)?;
    }
    Ok(())
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

fn shapes(names: &[String]) -> Result<Vec<Shape>, BenchError> {
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

fn dtype(name: &str) -> Result<DType, BenchError> {
    [DType::F32, DType::F16].into_iter().find(|dtype| dtype.name() == name).ok_or_else(|| BenchError::Unknown {
        what: "a dtype",
        accepted: "f32, f16".to_owned(),
        received: name.to_owned(),
    })
}
