//! The command line of the benchmark: paths and lanes over named shapes, as a table, as JSON and as plots.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mha_auto::{Auto, Store, StoreError};
use mha_gpu::{Gpu, GpuSettings, Timestamps, platform_cache_directory};
use mha_kernels::KernelId;
use mha_spec::{AdapterChoice, DType};
use serde::Serialize;

use crate::output::{OutputFile, OutputFolder};
use crate::peak::fma_tflops;
use crate::results::{Refused, Results};
use crate::{BenchError, Effort, Measurement, Normals, Progress, Workload, first_calls, measure, plot, select};

/// Measures attention on a GPU.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Shapes by name; `all` built-in ones; `sweep` for sequence lengths from 128 to 16384; `random[:COUNT[:SEED]]` for shapes
    /// that nothing was tuned on; or a FILE.json of your own, a list as crates/mha-bench/data/shapes.json.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    shapes: Vec<String>,
    /// Paths (baseline, ...) and lanes (lane:rows, lane:seed-before, ...), or `paths`, or `all` for all paths and lanes.
    #[arg(long, value_delimiter = ',', default_value = "paths")]
    subjects: Vec<String>,
    /// Storage types.
    #[arg(long, value_delimiter = ',', default_value = "f32,f16")]
    dtypes: Vec<String>,
    /// Standard deviations of the scores.
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = deviation)]
    score_deviations: Vec<f32>,
    /// Launches that count.
    #[arg(long, default_value = "20", value_parser = count)]
    repeats: usize,
    /// Whole calls with host tensors that count.
    #[arg(long, default_value = "9", value_parser = count)]
    calls: usize,
    /// Rounds that launches and calls are shared out over, one for each launch at most. Subjects take turns in every round, so
    /// that a drift of the device's clocks meets all alike.
    #[arg(long, default_value = "4", value_parser = count)]
    rounds: usize,
    /// Rows of every head that are checked against float64.
    #[arg(long, default_value = "8", value_parser = count)]
    checked_rows: usize,
    /// Which GPU: `auto`, an index, or part of an adapter's name.
    #[arg(long, default_value = "auto", value_parser = select::adapter)]
    adapter: AdapterChoice,
    /// Path `auto` as it is before anything is measured, whatever is kept in the cache directory.
    #[arg(long)]
    unmeasured: bool,
    /// Where the choices of path `auto` are kept that `tune` made, if not in the platform's cache directory.
    #[arg(long, value_name = "DIR", conflicts_with = "unmeasured")]
    cache: Option<PathBuf>,
    /// Tuning rows for a pinned lane, as in its table: `f32 | 64 | 4 | r4s4a2 | 32 | 256`, `;` between rows. An
    /// eighth cell, the most keys that a table takes a row for, is no limit here.
    #[arg(long)]
    rows: Option<String>,
    /// Time the first call of one shape, type and subject instead, with compiled pipelines kept in this folder.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["score_deviations", "repeats", "calls", "rounds", "checked_rows", "plot"]
    )]
    first_call: Option<PathBuf>,
    /// Write the results as JSON to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write what inputs are made of to this folder too, for other programs to measure with: of each shape a file SHAPE.f32 of float32
    /// numbers, query, key and value in turn, each (batch, length, heads x head_size). Queries are times the score deviation yet.
    #[arg(long, value_name = "DIR", conflicts_with = "first_call")]
    write_inputs: Option<PathBuf>,
    /// Write plots to this folder too, as SVG: bars for every shape, and time against sequence length where that was swept.
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
    /// Measure nothing: plot the results of a JSON file.
    #[arg(
        long,
        value_name = "FILE",
        requires = "plot",
        conflicts_with_all = [
            "shapes", "subjects", "dtypes", "score_deviations", "repeats", "calls", "rounds", "checked_rows", "adapter", "unmeasured",
            "cache", "rows", "first_call", "json", "write_inputs"
        ]
    )]
    from: Option<PathBuf>,
}

/// Does what the command line asks for; tables go to standard output.
///
/// # Errors
/// One line that says what to type instead, or what failed on the device.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), BenchError> {
    // Before anything is measured.
    let json = arguments.json.as_deref().map(|path| OutputFile::new("--json", path)).transpose()?;
    if let Some(json) = &json {
        let mut read = arguments.shapes.iter().map(Path::new).chain(arguments.from.as_deref());
        read.try_for_each(|file| json.apart_from(file))?;
    }
    let plots = arguments.plot.as_deref().map(|path| OutputFolder::new("--plot", path)).transpose()?;
    arguments.cache.as_deref().map_or(Ok(()), select::cache)?;
    if let Some(directory) = &arguments.first_call {
        return first_call(arguments, directory, json.as_ref(), out);
    }
    let results = arguments.from.as_deref().map_or_else(|| compare(arguments, out), Results::read)?;
    write_json(json.as_ref(), &results)?;
    if let Some(folder) = plots {
        for path in plot::write(&results, &folder)? {
            writeln!(out, "{}", path.display())?;
        }
    }
    Ok(())
}

fn compare(arguments: &Arguments, out: &mut impl Write) -> Result<Results, BenchError> {
    let shapes = select::shapes(&arguments.shapes)?;
    let subjects = select::subjects(&arguments.subjects, arguments.rows.as_deref())?;
    let dtypes = select::dtypes(&arguments.dtypes)?;
    let Arguments { score_deviations, repeats, calls, rounds, checked_rows, .. } = arguments;
    let effort = Effort { repeats: *repeats, calls: *calls, rounds: (*rounds).min(*repeats) };
    let inputs = arguments.write_inputs.as_deref();
    let inputs = inputs.map(|path| OutputFolder::new("--write-inputs", path)).transpose()?;
    let pipeline_cache = platform_cache_directory();
    let settings = GpuSettings { timestamps: Timestamps::Call, pipeline_cache, ..GpuSettings::default() };
    let gpu = select::open(&arguments.adapter, &settings)?;
    let auto = path_auto(arguments, &gpu)?;

    let mut peak_tflops = BTreeMap::new();
    for dtype in [DType::F32, DType::F16].into_iter().filter(|dtype| *dtype == DType::F32 || gpu.caps().f16) {
        peak_tflops.insert(dtype.name().to_owned(), fma_tflops(&gpu, dtype)?);
    }
    let mut results = Results::new(gpu.describe(), peak_tflops, shapes);
    print_head(&results, out)?;
    let steps = results.shapes.len() * dtypes.len() * score_deviations.len() * subjects.len() * effort.rounds;
    let progress = Progress::new(steps as u64);
    for shape in &results.shapes {
        let normals = Normals::new(shape, 1);
        if let Some(folder) = &inputs {
            folder.write(&format!("{}.f32", shape.name), normals.to_le_bytes())?;
        }
        for &dtype in &dtypes {
            for &deviation in score_deviations {
                let workload = Workload::new(shape, &normals, dtype, deviation, *checked_rows as u32);
                let measured = measure(&auto, &workload, &subjects, &effort, |subject| {
                    progress.step(&format!("{} {} {}", shape.name, dtype.name(), subject.name()));
                })?;
                for (subject, result) in subjects.iter().zip(measured) {
                    let (shape, dtype, subject) = (shape.name.clone(), dtype.name().to_owned(), subject.name());
                    match result {
                        Ok(row) => {
                            progress.writeln(out, &table_row(&row, results.peak_tflops["f32"]))?;
                            results.rows.push(row);
                        }
                        Err(why) => {
                            let refused = Refused { shape, dtype, subject, why: why.to_string() };
                            progress.writeln(out, &refused_row(&refused, deviation))?;
                            results.refused.push(refused);
                        }
                    }
                }
            }
        }
    }
    progress.finish();
    if results.rows.iter().any(on_matrices) {
        writeln!(out, "{ON_MATRICES}")?;
    }
    // The table says why, but a script looks at the status.
    if let (true, Some(Refused { why, .. })) = (results.rows.is_empty(), results.refused.first()) {
        let hint = "`--subjects paths` takes any shape";
        return Err(BenchError::Usage(format!("nothing was measured, since every subject refused: {why}; {hint}")));
    }
    Ok(results)
}

/// Columns of the table.
const HEADS: [&str; 13] = [
    "shape",
    "dtype",
    "score deviation",
    "subject",
    "GPU ms (10 % to 90 %)",
    "TFLOP/s",
    "of f32 FMA peak",
    "GB/s",
    "in a chain ms",
    "call ms",
    "largest error",
    "rms error",
    "kernel",
];

/// What the mark at a share of the peak means.
const ON_MATRICES: &str = "* on matrices, which do more than the multiply-adds that the peak is of";

fn print_head(results: &Results, out: &mut impl Write) -> std::io::Result<()> {
    let peaks: Vec<String> =
        results.peak_tflops.iter().map(|(dtype, peak)| format!("{} TFLOP/s in {dtype}", rate(*peak))).collect();
    writeln!(out, "{}\nfused multiply-adds (FMA) without matrices: {}", results.device, peaks.join(", "))?;
    writeln!(out, "| {} |\n|{}", HEADS.join(" | "), "---|".repeat(HEADS.len()))
}

/// Sums and products are float32 in either type, so its peak is what all rates are a share of.
fn table_row(row: &Measurement, peak: f64) -> String {
    let [low, high] = row.gpu_ms_spread;
    format!(
        "| {} | {} | {} | {} | {:.3} ({low:.3} to {high:.3}) | {} | {:.0} %{} | {} | {} | {:.2} | {:.1e} | {} | {} |",
        row.shape,
        row.dtype,
        row.score_deviation,
        row.subject,
        row.gpu_ms,
        rate(row.tflops),
        100.0 * row.tflops / peak,
        if on_matrices(row) { "*" } else { "" },
        rate(row.gigabytes),
        row.chain_ms.map_or(String::new(), |time| format!("{time:.4}")),
        row.call_ms,
        row.largest_error,
        row.rms_error.map_or("not finite".to_owned(), |rms| format!("{rms:.1e}")),
        kernel(row)
    )
}

fn refused_row(Refused { shape, dtype, subject, why }: &Refused, deviation: f32) -> String {
    // Five cells are taken.
    let empty = " |".repeat(HEADS.len() - 5);
    format!("| {shape} | {dtype} | {deviation} | {subject} | refused: {why} |{empty}")
}

/// The kernel that answered, with whose name a decision begins.
fn kernel(row: &Measurement) -> &str {
    row.decision.split([',', ':']).next().unwrap_or_default()
}

/// Whether its kernel computes on cooperative matrices.
fn on_matrices(row: &Measurement) -> bool {
    KernelId::named(kernel(row)).is_some_and(|kernel| kernel.info().uses_coop)
}

/// TFLOP/s or GB/s, which are few on a CPU.
fn rate(value: f64) -> String {
    if value < 1.0 { format!("{value:.4}") } else { format!("{value:.1}") }
}

fn first_call(
    arguments: &Arguments,
    directory: &Path,
    json: Option<&OutputFile>,
    out: &mut impl Write,
) -> Result<(), BenchError> {
    let shapes = select::shapes(&arguments.shapes)?;
    let subjects = select::subjects(&arguments.subjects, arguments.rows.as_deref())?;
    let dtypes = select::dtypes(&arguments.dtypes)?;
    let ([shape], [subject], [dtype]) = (&shapes[..], &subjects[..], &dtypes[..]) else {
        let one = "--shapes lightonocr-4k --subjects baseline --dtypes f32";
        return Err(BenchError::Usage(format!(
            "--first-call times one shape, subject and dtype, as later ones are not first: add `{one}`"
        )));
    };
    let settings = GpuSettings { pipeline_cache: Some(directory.to_owned()), ..GpuSettings::default() };
    let gpu = select::open(&arguments.adapter, &settings)?;
    let auto = path_auto(arguments, &gpu)?;
    let workload = Workload::new(shape, &Normals::new(shape, 1), *dtype, 1.0, 0);
    let calls = first_calls(&auto, &workload, subject)?;
    writeln!(out, "{}", gpu.describe())?;
    writeln!(
        out,
        "{} {} {}: {:.1} ms, then {:.1} ms",
        calls.shape, calls.dtype, calls.subject, calls.first_ms, calls.second_ms
    )?;
    write_json(json, &calls)
}

fn write_json(file: Option<&OutputFile>, results: &impl Serialize) -> Result<(), BenchError> {
    let Some(file) = file else { return Ok(()) };
    file.write(&(serde_json::to_string_pretty(results)? + "\n"))
}

/// What path `auto` knows of the device.
fn path_auto(arguments: &Arguments, gpu: &Arc<Gpu>) -> Result<Arc<Auto>, BenchError> {
    let directory = || arguments.cache.clone().or_else(platform_cache_directory);
    let cache = if arguments.unmeasured { None } else { directory() };
    arguments.cache.as_deref().map_or(Ok(()), |named| has_choices(named, gpu))?;
    Ok(Auto::of(gpu, cache.as_deref()))
}

/// Checks that a directory that was named has choices for a device: without any, `auto` would be measured as it is before `tune`.
fn has_choices(named: &Path, gpu: &Gpu) -> Result<(), BenchError> {
    let (named, store) = (named.display(), Store::new(named, gpu.identity()));
    let tune = format!("`webgpu-attention tune --cache {named}`");
    Err(BenchError::Usage(match store.count() {
        Ok(1..) => return Ok(()),
        Ok(0) => format!(
            "--cache takes a directory with measured choices, got '{named}' with none for {}: run {tune} first",
            gpu.describe()
        ),
        Err(error @ StoreError::Io { .. }) => format!("{error}; name another directory with --cache"),
        Err(error) => format!("{error}; {tune} replaces it"),
    }))
}

/// How many of something to do: 1 or more, and no more than anybody waits for.
///
/// # Errors
/// What is needed, where it is something else.
pub fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| "a number from 1 to 1000000 is needed".to_owned())
}

fn deviation(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number: &f32| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "a number above 0 is needed, as 1".to_owned())
}

#[cfg(test)]
mod tests {
    use mha_kernels::KERNELS;

    use super::*;
    use crate::Shape;
    use crate::results::tests::made_up;

    #[test]
    fn all_rows_have_the_cells_of_the_head() {
        let results = made_up(vec![Shape::square("small", 64)], &["baseline"]);
        let mut head = Vec::new();
        print_head(&results, &mut head).unwrap();
        let head = String::from_utf8(head).unwrap();
        let refused = ["small", "f32", "auto", "why"].map(str::to_owned);
        let [shape, dtype, subject, why] = refused;
        let refused = refused_row(&Refused { shape, dtype, subject, why }, 1.0);
        assert!(refused.starts_with("| small | f32 | 1 | auto | refused: why |"), "{refused}");
        for line in head.lines().skip(2).chain([&*table_row(&results.rows[0], 1.0), &*refused]) {
            assert_eq!(line.matches('|').count(), HEADS.len() + 1, "{line}");
        }
    }

    #[test]
    fn a_share_on_matrices_is_marked() {
        let mut row = made_up(vec![Shape::square("small", 64)], &["auto"]).rows.remove(0);
        for (uses_coop, share) in [(false, "| 456 % |"), (true, "| 456 %* |")] {
            let kernel = KERNELS.iter().find(|kernel| kernel.uses_coop == uses_coop).unwrap().name;
            row.decision = format!("{kernel}, dispatches 1: path auto");
            row.tflops = 4.56;
            assert_eq!(on_matrices(&row), uses_coop, "{kernel}");
            let line = table_row(&row, 1.0);
            assert!(line.contains(share) && line.ends_with(&format!("| {kernel} |")), "{line}");
        }
    }
}
