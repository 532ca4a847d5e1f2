//! `webgpu-attention`: what the library does on this machine, and how fast.

mod compare;
mod doctor;
mod runtime;
mod tune;

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
    let result = match usage::parse::<Program>("webgpu-attention").command {
        Command::Doctor(arguments) => doctor::run(&arguments, &mut std::io::stdout().lock()),
        Command::Bench(arguments) => mha_bench::command::run(&arguments, &mut std::io::stdout().lock()),
        Command::Compare(arguments) => compare::run(&arguments, &mut std::io::stdout().lock()),
        Command::Tune(arguments) => tune::run(&arguments, &mut std::io::stdout().lock()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if usage::is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("webgpu-attention: {error}");
            ExitCode::FAILURE
        }
    }
}
