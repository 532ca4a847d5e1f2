//! Link options of the library.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The GPU's devices and the threads that copy live as long as the process, so their code must too: ONNX Runtime
    // unloads an operator library with its last session.
    let target = std::env::var("CARGO_CFG_TARGET_OS").expect("cargo sets it");
    if target == "linux" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
