//! Synthetic devices: named profiles for planner tests, recorded decisions and explanations.

use crate::caps::{CoopMatrix, DeviceCaps, DeviceKind};

fn device(name: &str, backend: &str, kind: DeviceKind, subgroups: (u32, u32)) -> DeviceCaps {
    DeviceCaps {
        name: name.to_owned(),
        backend: backend.to_owned(),
        vendor: 0,
        kind,
        f16: true,
        subgroups: true,
        min_subgroup_size: subgroups.0,
        max_subgroup_size: subgroups.1,
        coop_matrices: Vec::new(),
        element_sides: Vec::new(),
        max_binding_size: (1 << 32) - 4,
        max_buffer_size: 1 << 34,
        max_storage_buffers: 31,
        storage_offset_alignment: 32,
        max_workgroup_memory: 32 << 10,
        max_workgroup_size: 1024,
        max_workgroups: 65535,
        max_loop_turns: None,
    }
}

fn apple(name: &str) -> DeviceCaps {
    let coop = |f16_operands, f16_accumulator| CoopMatrix { m: 8, n: 8, k: 8, f16_operands, f16_accumulator };
    DeviceCaps {
        vendor: 0x106b,
        coop_matrices: vec![coop(false, false), coop(true, true), coop(true, false)],
        ..device(name, "metal", DeviceKind::Integrated, (32, 32))
    }
}

/// Apple M1.
pub fn m1() -> DeviceCaps {
    apple("Apple M1")
}

/// Apple M2 Max.
pub fn m2_max() -> DeviceCaps {
    apple("Apple M2 Max")
}

/// Apple M3 Max.
pub fn m3_max() -> DeviceCaps {
    apple("Apple M3 Max")
}

/// Apple M4 Max.
pub fn m4_max() -> DeviceCaps {
    apple("Apple M4 Max")
}

/// NVIDIA H100.
pub fn h100() -> DeviceCaps {
    let coop = |f16_accumulator| CoopMatrix { m: 16, n: 16, k: 16, f16_operands: true, f16_accumulator };
    DeviceCaps {
        vendor: 0x10de,
        coop_matrices: vec![coop(false), coop(true)],
        element_sides: vec![16],
        max_workgroup_memory: 48 << 10,
        max_storage_buffers: 1 << 20,
        ..device("NVIDIA H100 80GB HBM3", "vulkan", DeviceKind::Discrete, (32, 32))
    }
}

/// Intel integrated GPU.
pub fn intel_integrated() -> DeviceCaps {
    let name = "Intel(R) Iris(R) Xe Graphics";
    DeviceCaps { vendor: 0x8086, ..device(name, "vulkan", DeviceKind::Integrated, (8, 32)) }
}

/// AMD integrated GPU.
pub fn amd_integrated() -> DeviceCaps {
    let name = "AMD Radeon 780M";
    DeviceCaps { vendor: 0x1002, ..device(name, "vulkan", DeviceKind::Integrated, (32, 64)) }
}

/// Qualcomm Adreno.
pub fn adreno() -> DeviceCaps {
    let name = "Adreno (TM) 740";
    DeviceCaps {
        vendor: 0x5143,
        max_storage_buffers: 24,
        max_binding_size: 128 << 20,
        ..device(name, "vulkan", DeviceKind::Integrated, (64, 128))
    }
}

/// Mesa's software Vulkan driver as Debian 12 has it.
pub fn lavapipe() -> DeviceCaps {
    let name = "llvmpipe (LLVM 15.0.6, 256 bits)";
    DeviceCaps {
        vendor: 0x10005,
        max_binding_size: 128 << 20,
        max_loop_turns: Some(65_535),
        ..device(name, "vulkan", DeviceKind::Software, (8, 8))
    }
}

/// Mesa's software Vulkan driver from 26.1 on, which has the matrices of Apple's GPUs.
pub fn lavapipe_with_matrices() -> DeviceCaps {
    let coop = |f16_accumulator| CoopMatrix { m: 8, n: 8, k: 8, f16_operands: true, f16_accumulator };
    let name = "llvmpipe (LLVM 21.1.8, 256 bits)";
    DeviceCaps { name: name.to_owned(), coop_matrices: vec![coop(true), coop(false)], ..lavapipe() }
}

/// A device without subgroup operations.
pub fn no_subgroups() -> DeviceCaps {
    DeviceCaps { subgroups: false, ..device("No Subgroups", "vulkan", DeviceKind::Integrated, (1, 1)) }
}

/// A device without f16 in shaders.
pub fn no_f16() -> DeviceCaps {
    DeviceCaps { f16: false, ..device("No F16", "vulkan", DeviceKind::Discrete, (32, 32)) }
}

/// All of them.
pub fn all() -> Vec<DeviceCaps> {
    vec![
        m1(),
        m2_max(),
        m3_max(),
        m4_max(),
        h100(),
        intel_integrated(),
        amd_integrated(),
        adreno(),
        lavapipe(),
        lavapipe_with_matrices(),
        no_subgroups(),
        no_f16(),
    ]
}
