//! Composes the kernels that `kernels/variants.txt` lists, validates them with naga and writes the catalogue.

#[path = "compile/compose.rs"]
mod compose;
#[path = "compile/reflect.rs"]
mod reflect;
#[path = "compile/variants.rs"]
mod variants;

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../kernels");
    println!("cargo::rerun-if-changed={}", root.display());
    if let Err(message) = write_catalogue(&root) {
        println!("cargo::error={}", message.replace('\n', " | "));
        std::process::exit(1);
    }
}

fn write_catalogue(root: &Path) -> Result<(), String> {
    let list = root.join("variants.txt");
    let text = fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let composer = compose::Composer::new(root)?;
    let mut rows = Vec::new();
    for variant in variants::expand(&text)? {
        let source = composer.join(&variant.files).map_err(|e| format!("kernel {}: {e}", variant.name))?;
        let facts = reflect::facts(&source).map_err(|e| format!("kernel {}: {e}", variant.name))?;
        rows.push(reflect::catalogue_row(&variant.name, &source, &facts));
    }
    rows.sort();
    let code = format!("pub static KERNELS: &[KernelInfo] = &[\n{}];\n", rows.concat());
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("catalogue.rs");
    fs::write(&out, code).map_err(|e| format!("{}: {e}", out.display()))
}
