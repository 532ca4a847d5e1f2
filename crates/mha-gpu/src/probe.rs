//! wgpu's description of a device, turned into the plain facts that planning depends on.

use mha_kernels::KERNELS;
use mha_plan::profile::apple_generation;
use mha_plan::{CoopMatrix, DeviceCaps, DeviceKind};

/// Features taken wherever an adapter offers them; kernels that need one say so in the catalogue.
const WANTED: wgpu::Features = wgpu::Features::SHADER_F16
    .union(wgpu::Features::SUBGROUP)
    .union(wgpu::Features::TIMESTAMP_QUERY)
    .union(wgpu::Features::PIPELINE_CACHE);

/// Features to request from an adapter.
pub(crate) fn wanted_features(offered: wgpu::Features, kind: DeviceKind) -> wgpu::Features {
    // Where the host shares the device's memory, mapping storage saves a copy; elsewhere it would keep it off the GPU.
    let shares_memory = matches!(kind, DeviceKind::Integrated | DeviceKind::Software);
    let mappable = if shares_memory { wgpu::Features::MAPPABLE_PRIMARY_BUFFERS } else { wgpu::Features::empty() };
    // Experimental in wgpu: asked for only where a kernel of the catalogue is written for it, and shaders past its compiler only with it.
    let matrices = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    let coop = match offered.contains(matrices) && KERNELS.iter().any(|kernel| kernel.uses_coop) {
        true => matrices | wgpu::Features::PASSTHROUGH_SHADERS,
        false => wgpu::Features::empty(),
    };
    offered & (WANTED | mappable | coop)
}

/// Mesa's software driver ends the loops of an invocation after as many turns in all, nested ones included:
/// LP_MAX_TGSI_LOOP_ITERATIONS in its gallivm.
const LLVMPIPE_LOOP_TURNS: u32 = 65_535;

/// Facts about a device opened with these features and limits.
pub(crate) fn device_caps(
    info: &wgpu::AdapterInfo,
    features: wgpu::Features,
    limits: &wgpu::Limits,
    coop_matrices: &[wgpu::CooperativeMatrixProperties],
) -> DeviceCaps {
    let subgroups = features.contains(wgpu::Features::SUBGROUP);
    let sizes = if subgroups { subgroup_sizes(info) } else { (1, 1) };
    let coop = features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
    let mut listed = Vec::new();
    for shape in coop_matrices.iter().filter_map(coop_matrix).filter(|_| coop) {
        // Variants that differ in saturation only are one shape to us.
        if !listed.contains(&shape) {
            listed.push(shape);
        }
    }
    DeviceCaps {
        name: info.name.clone(),
        backend: info.backend.to_str().into(),
        vendor: info.vendor,
        kind: device_kind(info.device_type),
        f16: features.contains(wgpu::Features::SHADER_F16),
        subgroups,
        min_subgroup_size: sizes.0,
        max_subgroup_size: sizes.1,
        coop_matrices: listed,
        // Found out by trying, once the device is open.
        element_sides: Vec::new(),
        max_binding_size: limits.max_storage_buffer_binding_size,
        max_buffer_size: limits.max_buffer_size,
        max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
        storage_offset_alignment: limits.min_storage_buffer_offset_alignment,
        max_workgroup_memory: limits.max_compute_workgroup_storage_size,
        max_workgroup_size: limits.max_compute_invocations_per_workgroup,
        max_workgroups: limits.max_compute_workgroups_per_dimension,
        max_loop_turns: (info.driver == "llvmpipe").then_some(LLVMPIPE_LOOP_TURNS),
    }
}

/// The least and the most lanes that subgroups of a device have. wgpu's Metal backend says 4 to 64 whatever the GPU; Apple's own have
/// SIMD groups of 32 lanes in every generation, which is what a matrix of theirs is spread over (Metal Shading Language Specification,
/// "SIMD-group Matrix Data Types"; `threadExecutionWidth`). Other makers' GPUs on Metal stay with what it says.
fn subgroup_sizes(info: &wgpu::AdapterInfo) -> (u32, u32) {
    const APPLE: u32 = 32;
    if info.backend == wgpu::Backend::Metal && apple_generation(&info.name).is_some() {
        return (APPLE, APPLE);
    }
    (info.subgroup_min_size, info.subgroup_max_size)
}

/// Kind of device, in planning's terms.
pub(crate) fn device_kind(kind: wgpu::DeviceType) -> DeviceKind {
    match kind {
        wgpu::DeviceType::DiscreteGpu => DeviceKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => DeviceKind::Integrated,
        wgpu::DeviceType::VirtualGpu => DeviceKind::Virtual,
        wgpu::DeviceType::Cpu => DeviceKind::Software,
        wgpu::DeviceType::Other => DeviceKind::Other,
    }
}

/// A listed shape, if its elements are floats.
fn coop_matrix(listed: &wgpu::CooperativeMatrixProperties) -> Option<CoopMatrix> {
    let is_f16 = |element: wgpu::CooperativeScalarType| match element {
        wgpu::CooperativeScalarType::F16 => Some(true),
        wgpu::CooperativeScalarType::F32 => Some(false),
        wgpu::CooperativeScalarType::I32 | wgpu::CooperativeScalarType::U32 => None,
    };
    Some(CoopMatrix {
        m: listed.m_size,
        n: listed.n_size,
        k: listed.k_size,
        f16_operands: is_f16(listed.ab_type)?,
        f16_accumulator: is_f16(listed.cr_type)?,
    })
}

#[cfg(test)]
mod tests {
    use mha_plan::devices;

    use super::*;

    fn info() -> wgpu::AdapterInfo {
        let mut info = wgpu::AdapterInfo::new(wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Vulkan);
        info.name = "NVIDIA H100".into();
        info.vendor = 0x10de;
        info.subgroup_min_size = 32;
        info.subgroup_max_size = 32;
        info
    }

    fn listed(ab: wgpu::CooperativeScalarType, saturating: bool) -> wgpu::CooperativeMatrixProperties {
        wgpu::CooperativeMatrixProperties {
            m_size: 16,
            n_size: 16,
            k_size: 16,
            ab_type: ab,
            cr_type: wgpu::CooperativeScalarType::F32,
            saturating_accumulation: saturating,
        }
    }

    #[test]
    fn storage_is_mapped_only_where_memory_is_shared() {
        let mappable = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
        let all = wgpu::Features::all();
        assert!(!wanted_features(all, DeviceKind::Discrete).contains(mappable));
        assert!(wanted_features(all, DeviceKind::Integrated).contains(mappable));
        assert!(wanted_features(all, DeviceKind::Software).contains(mappable));
        let passthrough = wgpu::Features::PASSTHROUGH_SHADERS;
        assert!(wanted_features(all, DeviceKind::Discrete).contains(passthrough));
        let without = all - wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
        assert!(!wanted_features(without, DeviceKind::Discrete).contains(passthrough));
        assert_eq!(wanted_features(wgpu::Features::empty(), DeviceKind::Software), wgpu::Features::empty());
    }

    #[test]
    fn float_shapes_are_listed_once_and_others_not_at_all() {
        let shapes = [
            listed(wgpu::CooperativeScalarType::F16, false),
            listed(wgpu::CooperativeScalarType::F16, true),
            listed(wgpu::CooperativeScalarType::I32, false),
        ];
        let features = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
        let caps = device_caps(&info(), features, &wgpu::Limits::default(), &shapes);
        let expected = CoopMatrix { m: 16, n: 16, k: 16, f16_operands: true, f16_accumulator: false };
        assert_eq!(caps.coop_matrices, [expected]);

        let caps = device_caps(&info(), wgpu::Features::empty(), &wgpu::Limits::default(), &shapes);
        assert!(caps.coop_matrices.is_empty(), "the device has to have the feature");
    }

    #[test]
    fn without_subgroups_the_size_is_one() {
        let caps = device_caps(&info(), wgpu::Features::SUBGROUP, &wgpu::Limits::default(), &[]);
        assert_eq!((caps.subgroups, caps.min_subgroup_size, caps.max_subgroup_size), (true, 32, 32));
        let caps = device_caps(&info(), wgpu::Features::empty(), &wgpu::Limits::default(), &[]);
        assert_eq!((caps.subgroups, caps.min_subgroup_size, caps.max_subgroup_size), (false, 1, 1));
        assert_eq!(caps.vendor, 0x10de);
        assert_eq!(caps.backend, "vulkan");
    }

    #[test]
    fn subgroups_of_apple_gpus_have_32_lanes_whatever_metal_says() {
        // 4 to 64 is what wgpu 30 says of the first three; another API is believed.
        for (name, backend, want) in [
            ("Apple M1", wgpu::Backend::Metal, (32, 32)),
            ("Apple M4 Max", wgpu::Backend::Metal, (32, 32)),
            ("AMD Radeon Pro 5500M", wgpu::Backend::Metal, (4, 64)),
            ("Apple M1 (G13G B1)", wgpu::Backend::Vulkan, (4, 64)),
        ] {
            let mut info = wgpu::AdapterInfo::new(wgpu::DeviceType::IntegratedGpu, backend);
            (info.name, info.subgroup_min_size, info.subgroup_max_size) = (name.into(), 4, 64);
            let caps = device_caps(&info, wgpu::Features::SUBGROUP, &wgpu::Limits::default(), &[]);
            assert_eq!((caps.min_subgroup_size, caps.max_subgroup_size), want, "{name}");
        }
    }

    /// The made-up Apple devices of planning tests are what this makes of wgpu's facts: else they record plans that no Mac gets.
    #[test]
    fn made_up_apple_devices_have_the_subgroups_of_real_ones() {
        for made_up in [devices::m1(), devices::m2_max(), devices::m3_max(), devices::m4_max()] {
            let mut info = wgpu::AdapterInfo::new(wgpu::DeviceType::IntegratedGpu, wgpu::Backend::Metal);
            (info.name, info.subgroup_min_size, info.subgroup_max_size) = (made_up.name.clone(), 4, 64);
            let caps = device_caps(&info, wgpu::Features::SUBGROUP, &wgpu::Limits::default(), &[]);
            assert_eq!(
                (&caps.backend, caps.kind, caps.min_subgroup_size, caps.max_subgroup_size),
                (&made_up.backend, made_up.kind, made_up.min_subgroup_size, made_up.max_subgroup_size)
            );
        }
    }
}
