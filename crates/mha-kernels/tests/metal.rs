//! The lanes of Apple GPUs as naga translates them to Metal: nothing that could land in thread memory, no conversion but the
//! expected ones, and the text itself as a snapshot to be read when it changes.
//! `RECORD_METAL=1 cargo test -p mha-kernels --test metal` rewrites the snapshots.

#[allow(dead_code)]
mod common;

use std::path::Path;

use mha_kernels::{KERNELS, KernelId, KernelInfo};

/// Kernels whose text is kept: one per lane and dtype is enough to read, as the others differ in numbers of members.
const SNAPSHOTS: [&str; 3] = ["apple_f32_vec4_l4_r1s4f8", "apple_f16_vec4_l4_r1s4h", "matrix_f16_vec8_l32_m8r2c8k4a2"];

fn apple_kernels() -> impl Iterator<Item = &'static KernelInfo> {
    KERNELS.iter().filter(|kernel| kernel.name.starts_with("apple_"))
}

#[test]
fn no_lane_keeps_an_array_in_thread_memory() {
    for kernel in apple_kernels() {
        let text = common::metal(kernel);
        // Arrays in structs of threadgroup memory and of buffers are fine: they are reached through references.
        for line in text.lines().map(str::trim) {
            let declares_local = line.starts_with("type_") && line.contains(" = ") && line.contains("inner");
            assert!(!declares_local, "{}: {line}", kernel.name);
            assert!(!line.starts_with("thread type_"), "{}: {line}", kernel.name);
        }
        assert!(!text.contains("thread metal::array"), "{}", kernel.name);
    }
}

#[test]
fn float16_kernels_compute_in_float32() {
    for kernel in apple_kernels().filter(|kernel| kernel.uses_f16) {
        let text = common::metal(kernel);
        for line in text.lines() {
            let arithmetic = line.contains("fma(") || line.contains("exp2(");
            assert!(!(arithmetic && line.contains("half")), "{}: {}", kernel.name, line.trim());
        }
    }
}

#[test]
fn metal_text_is_as_recorded() {
    for name in SNAPSHOTS {
        let kernel = KernelId::named(name).unwrap().info();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/metal").join(format!("{name}.metal"));
        let now = common::metal(kernel);
        if std::env::var_os("RECORD_METAL").is_some() {
            std::fs::write(&path, &now).unwrap();
            continue;
        }
        let recorded = std::fs::read_to_string(&path).unwrap();
        for (line, (was, is)) in recorded.lines().zip(now.lines()).enumerate() {
            assert_eq!(was, is, "{name}.metal:{}: read what changed, then record again", line + 1);
        }
        assert_eq!(recorded.lines().count(), now.lines().count(), "{name}");
    }
}
