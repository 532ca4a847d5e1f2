//! Kernels on cooperative matrices without the matrices, for a compiler that has none: each matrix is what one lane of 32
//! holds of it (`stand_in.wgsl`). From them it is to be learned what holding it all takes, and nothing of how matrix
//! instructions are scheduled or how long they take.

use mha_gpu::Gpu;
use mha_kernels::KernelInfo;

/// Before the name of the kernel that one stands in for.
pub const PREFIX: &str = "stand-in:";

/// Every use of a matrix, and what stands for it.
const REPLACED: [(&str, &str); 14] = [
    ("enable wgpu_cooperative_matrix;\n", ""),
    ("alias LeftMatrix = coop_mat8x8<f16, A>;\n", ""),
    ("alias RightMatrix = coop_mat8x8<f16, B>;\n", ""),
    ("alias SumMatrix = coop_mat8x8<f32, C>;\n", ""),
    ("coopMultiplyAdd(", "stand_in_multiply_add("),
    ("coopLoadT<LeftMatrix>(&weights[", "stand_in_weights("),
    ("coopLoad<RightMatrix>(&keys[", "stand_in_keys("),
    ("coopLoadT<RightMatrix>(&values[", "stand_in_values("),
    ("coopLoadT<SumMatrix>(&scores[", "stand_in_scores("),
    ("coopStoreT(sum, &scores[", "stand_in_put_scores(sum, "),
    ("/ UNIT], ", "/ UNIT, "),
    ("    var place = place_of_lane(", "    take_place(lane);\n    var place = place_of_lane("),
    ("next.rows = with_totals(", "place = moved(place, t_begin + i * KEY_TILE);\n            next.rows = with_totals("),
    ("    // In both branches, so", "    move_matrices(t0);\n    // In both branches, so"),
];

/// The WGSL that stands in for a kernel of lane matrix.
pub fn source(kernel: &KernelInfo) -> Result<String, String> {
    let replaced = REPLACED.into_iter().try_fold(kernel.source.to_owned(), |source, (matrix, number)| {
        let found = source.contains(matrix);
        found.then(|| source.replace(matrix, number)).ok_or_else(|| format!("{} has no `{matrix}`", kernel.name))
    })?;
    Ok(replaced + include_str!("stand_in.wgsl"))
}

/// Compiles a stand-in on the adapter of `gpu`, as the library compiles kernels. On a device of its own, as the library's
/// takes nothing but its own kernels.
pub fn compile(gpu: &Gpu, kernel: &KernelInfo, constants: &[(&str, f64)]) -> Result<(), String> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let adapter = adapters.into_iter().find(|adapter| adapter.get_info().name == gpu.identity().name);
    let adapter = adapter.ok_or_else(|| format!("the adapter is expected again, got no {}", gpu.identity().name))?;
    // Without cooperative matrices, so that naga refuses what is left of them.
    let descriptor = wgpu::DeviceDescriptor {
        required_features: wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP,
        required_limits: adapter.limits(),
        ..wgpu::DeviceDescriptor::default()
    };
    let (device, _) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| error.to_string())?;
    let descriptor =
        wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(source(kernel)?.into()) };
    // SAFETY: nothing runs it.
    let module = unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
    let _ = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some(kernel.entry_point),
        compilation_options: wgpu::PipelineCompilationOptions { constants, zero_initialize_workgroup_memory: false },
        cache: None,
    });
    Ok(())
}
