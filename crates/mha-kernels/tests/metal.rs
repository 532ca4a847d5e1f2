//! Every kernel that a Mac may get, as naga translates it to Metal: nothing that could land in thread memory, no conversion but the
//! expected ones, and for each lane the text itself as a snapshot to be read when it changes.
//! `RECORD_METAL=1 cargo test -p mha-kernels --test metal` rewrites the snapshots.

#[allow(dead_code)]
mod common;
mod rules;

use std::path::Path;

use mha_kernels::{KERNELS, KernelId, KernelInfo};
use rules::{Code, RoundTrip};

/// Kernels whose text is kept: one per lane and dtype where they differ is enough to read, as the others differ in numbers of members.
const SNAPSHOTS: [&str; 11] = [
    "apple_f32_vec4_l4_r1s4f8",
    "apple_f16_vec4_l4_r1s4h",
    "combine_f16",
    "matrix_f16_vec8_l32_m8r1c8k2a1",
    "matrix_f16_vec8_l32_m8r2c8k4a2",
    "present_f16",
    "rows_f16_vec4_l4_r1s4a2",
    "rows_f32_vec4_l4_r1s4a1o8",
    "scores_f16_vec4_f16",
    "short_f16_vec8_l16_r1s2",
    "wide_f16",
];

/// Round trips of float16 that stay, by the beginning of kernels' names and the function of the second conversion, and why.
const EXPECTED: [(&str, &str, &str); 3] = [
    (
        "matrix_f16_",
        "halves",
        "WGSL makes float16 of words by way of float32 only, and words are what can be loaded ahead",
    ),
    ("matrix_f16_scalar_", "piece_of", "the way back, for tensors that are loaded element by element"),
    ("matrix_f16_", "put_query4", "queries, once a workgroup, by functions that add a bias in other kernels"),
];

/// Metal has matrices of 8 x 8 alone, and Apple GPUs subgroups of 32 lanes; matrices whose elements are reached are Vulkan's. Kernels
/// that only benchmarks run are left out.
fn is_for_macs(kernel: &KernelInfo) -> bool {
    let measures = ["seed_", "peak_"].iter().any(|name| kernel.name.starts_with(name));
    !measures && !kernel.uses_elements && (!kernel.uses_coop || kernel.name.contains("_l32_m8"))
}

fn mac_kernels() -> impl Iterator<Item = &'static KernelInfo> {
    KERNELS.iter().filter(|kernel| is_for_macs(kernel))
}

#[test]
fn every_lane_of_a_mac_is_held_to_the_rules() {
    // The planner's record says which kernels those are.
    let plans = include_str!("../../mha-plan/plans.txt");
    let metal = plans.split("\n## ").filter(|device| device.lines().next().unwrap().ends_with("(metal)"));
    let words = metal.flat_map(|device| device.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()));
    let planned: Vec<&KernelInfo> = words.filter_map(KernelId::named).map(KernelId::info).collect();
    for lane in ["apple_", "matrix_", "rows_", "short_", "wide_"] {
        assert!(planned.iter().any(|kernel| kernel.name.starts_with(lane)), "{lane}");
        assert!(SNAPSHOTS.iter().any(|name| name.starts_with(lane)), "{lane}");
    }
    for kernel in planned {
        assert!(is_for_macs(kernel), "{}", kernel.name);
    }
}

#[test]
fn no_kernel_keeps_an_array_in_thread_memory() {
    for kernel in mac_kernels() {
        let (module, info) = common::metal_module(kernel);
        assert_eq!(Code::new(&module, &info).thread_arrays(), [""; 0], "{}", kernel.name);
        // Nor does naga make one where the module has none. Arrays of matrices have names. Those in structs of threadgroup memory and of
        // buffers are fine: they are reached through references.
        let text = common::metal(kernel);
        for line in text.lines().map(str::trim) {
            let declares_local = line.starts_with("type_") && line.contains(" = ");
            assert!(!declares_local, "{}: {line}", kernel.name);
            assert!(!line.starts_with("thread type_"), "{}: {line}", kernel.name);
        }
        assert!(!text.contains("thread metal::array"), "{}", kernel.name);
    }
}

#[test]
fn float16_kernels_compute_in_float32() {
    for kernel in mac_kernels().filter(|kernel| kernel.uses_f16) {
        let (module, info) = common::metal_module(kernel);
        assert_eq!(Code::new(&module, &info).half_arithmetic(), [""; 0], "{}", kernel.name);
    }
}

#[test]
fn moved_numbers_are_not_converted() {
    let mut is_met = [false; EXPECTED.len()];
    for kernel in mac_kernels().filter(|kernel| kernel.uses_f16) {
        let (module, info) = common::metal_module(kernel);
        let mut is_expected = |trip: &RoundTrip| {
            let i = EXPECTED.iter().position(|(kernels, to, _)| kernel.name.starts_with(kernels) && trip.to == *to);
            i.inspect(|i| is_met[*i] = true).is_some()
        };
        let mut trips = Code::new(&module, &info).round_trips();
        trips.retain(|trip| !is_expected(trip));
        assert_eq!(trips, [], "{}", kernel.name);
    }
    assert_eq!(is_met, [true; EXPECTED.len()], "each of EXPECTED is there");
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
