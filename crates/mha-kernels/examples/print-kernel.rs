//! Prints a composed kernel, or the names of all: `cargo run -p mha-kernels --example print-kernel -- [NAME]`.

use std::process::ExitCode;

use mha_kernels::{KERNELS, KernelId};

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        None => {
            for kernel in KERNELS {
                println!("{}", kernel.name);
            }
        }
        Some(name) => match KernelId::named(&name) {
            Some(id) => print!("{}", id.info().source),
            None => {
                eprintln!("a kernel of the catalogue is expected (run without a name for the list), got `{name}`");
                return ExitCode::FAILURE;
            }
        },
    }
    ExitCode::SUCCESS
}
