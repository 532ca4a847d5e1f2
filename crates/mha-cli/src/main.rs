//! `webgpu-attention`: what the library does on this machine, and how fast.

mod compare;
mod doctor;
mod runtime;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

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
}

/// The exit status of a command line that means nothing.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let program = match Program::try_parse() {
        Ok(program) => program,
        Err(error) => {
            let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
            if let Some(line) = usage::line(&Program::command(), &arguments, &error) {
                eprintln!("webgpu-attention: {line}");
                return ExitCode::from(USAGE);
            }
            error.exit();
        }
    };
    let result = match program.command {
        Command::Doctor(arguments) => doctor::run(&arguments, &mut std::io::stdout().lock()),
        Command::Bench(arguments) => mha_bench::command::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments, &mut std::io::stdout().lock()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("webgpu-attention: {error}");
            ExitCode::FAILURE
        }
    }
}
