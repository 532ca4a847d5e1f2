//! `webgpu-attention compare`: the user's own model on stock CPU kernels and on the library's paths, in turn.

mod inputs;
mod measure;
mod memory;
mod npy;
mod report;
mod scratch;
mod statistics;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;

use mha_bench::command::count;
use mha_bench::output::OutputFile;
use mha_bench::{BenchError, Progress};
use mha_spec::PathChoice;
use ort_webgpu_attention::host::{Feeds, Library, Port, Runtime, element_names};

use crate::runtime;
use inputs::Given;
use measure::{Look, Trial};
use report::{InputRow, Report, Setting, all_refused};
use scratch::Scratch;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The model: an ONNX file with MultiHeadAttention nodes.
    model: PathBuf,
    /// Size of a symbolic dimension of the inputs, `name=size`; `input.axis=size` where it has no name.
    #[arg(long, value_name = "NAME=SIZE", value_parser = inputs::parse_dim)]
    dim: Vec<(String, usize)>,
    /// Values of an input; without a name, of that which is called like the file, or of the only one.
    #[arg(long, value_name = "[NAME=]FILE.npy")]
    input: Vec<String>,
    /// What the random values of the other inputs grow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The library's paths to compare with stock CPU kernels.
    #[arg(long, value_delimiter = ',', default_value = "baseline,apple,auto", value_parser = parse_path)]
    paths: Vec<PathChoice>,
    /// Runs that count, of the whole model and again with a profile of its nodes.
    #[arg(long, default_value = "10", value_parser = count)]
    runs: usize,
    /// Runs before those.
    #[arg(long, default_value = "2", value_parser = count)]
    warm_up: usize,
    /// Which GPU: `auto`, an index, or part of an adapter's name.
    #[arg(long, default_value = "auto")]
    adapter: String,
    /// Threads that ONNX Runtime computes with, where that is not left to it.
    #[arg(long, value_parser = parse_threads)]
    threads: Option<usize>,
    /// Largest difference from stock CPU at which outputs agree, as a share of an output's largest value; 0.001, or 0.01
    /// with float16 nodes, where it is not given.
    #[arg(long, value_parser = parse_tolerance)]
    tolerance: Option<f64>,
    /// The library, where it is not beside this program.
    #[arg(long = "library", value_name = "LIBRARY")]
    plugin: Option<PathBuf>,
    /// ONNX Runtime's shared library, where it is not that of a Python.
    #[arg(long, env = "ORT_DYLIB_PATH")]
    onnxruntime: Option<PathBuf>,
    /// The Python whose onnxruntime is used.
    #[arg(long, default_value = "python3")]
    python: String,
    /// Write the results as JSON to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn parse_path(text: &str) -> Result<PathChoice, String> {
    let names = PathChoice::ALL.map(PathChoice::name).join(", ");
    PathChoice::ALL.into_iter().find(|path| path.name() == text).ok_or_else(|| format!("paths are {names}"))
}

/// Threads for each processor, at most: more only take turns, and each has a stack.
const THREADS_PER_PROCESSOR: usize = 4;

fn parse_threads(text: &str) -> Result<usize, String> {
    let most = THREADS_PER_PROCESSOR * thread::available_parallelism().map_or(1, usize::from);
    let threads = text.parse().ok().filter(|threads| (1..=most).contains(threads));
    threads.ok_or_else(|| format!("it takes 1 to {most}, {THREADS_PER_PROCESSOR} for each processor"))
}

fn parse_tolerance(text: &str) -> Result<f64, String> {
    let tolerance = text.parse().ok().filter(|tolerance: &f64| tolerance.is_finite() && *tolerance >= 0.0);
    tolerance.ok_or_else(|| "it is a number from 0, as in 0.001".to_owned())
}

/// Compares, and writes the result.
///
/// # Errors
/// What is wrong with the command line, the model or its inputs; or that no path could run the model.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    if !arguments.model.is_file() {
        return Err(format!("MODEL is an ONNX file, got '{}', which is no file", arguments.model.display()).into());
    }
    let json = arguments.json.as_deref().map(|path| OutputFile::new("--json", path)).transpose()?;
    json.as_ref().map_or(Ok(()), |json| json.apart_from(&arguments.model))?;
    let library = library(arguments)?;
    let file = arguments.onnxruntime.clone().map_or_else(|| runtime::onnxruntime(&arguments.python), Ok)?;
    let runtime = Runtime::open(&file, arguments.threads)?;
    let library = Library::open(&library)?;
    let adapter = library.describe_adapter(&arguments.adapter)?;

    let scratch = Scratch::new()?;
    let model = arguments.model.display();
    let look = Look::at(&runtime, &arguments.model, scratch.path())
        .map_err(|why| format!("MODEL is one that ONNX Runtime {} loads, got '{model}': {why}", runtime.version()))?;
    let given = Given { dims: &arguments.dim, files: &arguments.input, seed: arguments.seed };
    let inputs = inputs::prepare(&look.inputs(), &given)?;
    if let Some(json) = &json {
        inputs.iter().filter_map(|input| input.file.as_deref()).try_for_each(|file| json.apart_from(file))?;
    }
    comparable(&look.outputs())?;
    let input_rows: Vec<InputRow> = inputs.iter().map(InputRow::of).collect();
    let feeds = Feeds::new(&runtime, inputs.into_iter().map(|input| (input.name, input.tensor)))?;
    let (expected, ran) =
        look.run(&feeds).map_err(|why| format!("stock CPU kernels must run '{model}' on these inputs, got: {why}"))?;
    // In their own order, each once.
    let paths: Vec<PathChoice> = PathChoice::ALL.into_iter().filter(|path| arguments.paths.contains(path)).collect();
    let trial = Trial {
        runtime: &runtime,
        model: &arguments.model,
        plugin: &library,
        adapter: &arguments.adapter,
        paths: &paths,
        runs: arguments.runs,
        warm_up: arguments.warm_up,
    };
    if ran.times == 0 {
        return Err(nothing_ran(&trial, scratch.path()).into());
    }
    let progress = Progress::new(trial.steps());
    let rows = trial.measure(&feeds, &expected, scratch.path(), &progress);
    progress.finish();
    let rows = rows?;
    if let Some(refusals) = all_refused(&rows) {
        return Err(format!("a path of the library must run '{model}', got none: {refusals}").into());
    }
    let setting = Setting {
        model: model.to_string(),
        onnxruntime: runtime.version().to_owned(),
        adapter,
        threads: arguments.threads,
        runs: trial.runs,
        warm_up: trial.warm_up,
        seed: arguments.seed,
    };
    let report = Report::new(setting, input_rows, ran, rows, arguments.tolerance);
    report.write(out).map_err(BenchError::Output)?;
    if let Some(json) = json {
        json.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    Ok(())
}

fn library(arguments: &Arguments) -> Result<PathBuf, String> {
    let Some(library) = arguments.plugin.clone().or_else(runtime::library) else {
        return Err("the library is beside this program, got none there: name it with --library".into());
    };
    // Absolute, as ONNX Runtime may look elsewhere for a name without a folder.
    std::path::absolute(&library)
        .ok()
        .filter(|library| library.is_file())
        .ok_or_else(|| format!("--library is the library's file, got '{}', which is no file", library.display()))
}

/// Why there is nothing to compare where no MultiHeadAttention node ran.
fn nothing_ran(trial: &Trial<'_>, scratch: &Path) -> String {
    let model = trial.model.display();
    match trial.count_nodes(scratch) {
        Ok(0) => format!(
            "MODEL has com.microsoft.MultiHeadAttention nodes, got '{model}' with none after ONNX Runtime's own \
             optimisations: there is nothing to compare"
        ),
        Ok(nodes) => format!(
            "MultiHeadAttention nodes are compared that run, got '{model}' with {nodes} that did not run on these inputs: \
             --input NAME=FILE.npy or another --seed may change what runs"
        ),
        Err(why) => format!("a path of the library must run '{model}', got none: {why}"),
    }
}

fn comparable(outputs: &[Port]) -> Result<(), String> {
    let other = |port: &Port| Some((port.name.clone(), port.element.as_ref().err()?.clone()));
    match outputs.iter().find_map(other) {
        Some((name, received)) => Err(format!("outputs are {}, got '{name}' of type {received}", element_names())),
        None => Ok(()),
    }
}
