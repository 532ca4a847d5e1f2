//! `attention-bench`: the benchmark as a program of its own. `webgpu-attention bench` is the same.

use std::process::ExitCode;

use clap::Parser;
use mha_bench::command::{Arguments, run};
use mha_bench::usage;

/// Measures attention on a GPU.
#[derive(Parser)]
#[command(name = "attention-bench", version)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

fn main() -> ExitCode {
    usage::show_warnings();
    match run(&usage::parse::<Program>("attention-bench").arguments, &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if usage::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attention-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
