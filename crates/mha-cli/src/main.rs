//! `webgpu-attention`: what the library does on this machine, and how fast.

mod compare;
mod doctor;
mod runtime;
mod tune;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mha_bench::usage;

/// What ort-webgpu-attention does on this machine, and how fast.
#[derive(Parser)]
#[command(name = "webgpu-attention", version)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tells adapters, the kernels that each path takes on them and why, and whether ONNX Runtime loads the library.
    Doctor(doctor::Arguments),
    /// Measures paths and lanes over named shapes.
    Bench(mha_bench::command::Arguments),
    /// Runs a model on stock CPU kernels and on the library's paths in turn, and tells times and differences.
    Compare(compare::Arguments),
    /// Measures which kernels are the fastest on this device, and keeps that for path `auto`.
    Tune(tune::Arguments),
}

fn main() -> ExitCode {
    usage::show_warnings();
    let command = usage::parse::<Program>("webgpu-attention").command;
    match run(&command, &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if usage::is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("webgpu-attention: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Doctor(arguments) => Ok(doctor::run(arguments, out)?),
        Command::Bench(arguments) => Ok(mha_bench::command::run(arguments, out)?),
        Command::Compare(arguments) => compare::run(arguments, out),
        Command::Tune(arguments) => Ok(tune::run(arguments, out)?),
    }
}
