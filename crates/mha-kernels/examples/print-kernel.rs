//! Prints a composed kernel, or the names of all: `cargo run -p mha-kernels --example print-kernel -- [NAME [LANGUAGE]]`, in WGSL, or
//! as naga translates it for a small tile without features, in `metal` or `hlsl`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::process::ExitCode;

use mha_kernels::{KERNELS, KernelId};

const USAGE: &str =
    "print-kernel [NAME [wgsl|metal|hlsl]], where NAME is one of those that it prints without arguments";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let kernel = |name| KernelId::named(name).map(KernelId::info);
    let text = match words[..] {
        [] => Some(KERNELS.iter().map(|kernel| format!("{}\n", kernel.name)).collect()),
        [name] | [name, "wgsl"] => kernel(name).map(|kernel| kernel.source.to_owned()),
        [name, "metal"] => kernel(name).map(common::metal),
        [name, "hlsl"] => match kernel(name).map(|kernel| common::hlsl(kernel, false)) {
            Some(Err(error)) => {
                eprintln!("error: naga has no HLSL for {name}: {error}");
                return ExitCode::FAILURE;
            }
            translated => translated.and_then(Result::ok),
        },
        _ => None,
    };
    let Some(text) = text else {
        eprintln!("usage: {USAGE}; got `{}`", arguments.join(" "));
        return ExitCode::FAILURE;
    };
    print!("{text}");
    ExitCode::SUCCESS
}
