//! Kernels as wgpu gives them to drivers: specialised, translated by naga, with the run-time checks of trusted modules, none.

use mha_kernels::KernelInfo;
use naga::back::{hlsl, msl};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};

/// The kernel with its overrides replaced by what `value` says.
fn specialised(kernel: &KernelInfo, value: impl Fn(&str) -> f64) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(kernel.source).unwrap();
    let info = Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).unwrap();
    let constants = kernel.overrides.iter().map(|name| ((*name).to_owned(), value(name))).collect();
    let stage = Some((ShaderStage::Compute, kernel.entry_point));
    let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, stage, &constants).unwrap();
    (module.into_owned(), info.into_owned())
}

/// As it is translated to Metal, without any feature.
pub fn metal_module(kernel: &KernelInfo) -> (Module, ModuleInfo) {
    specialised(kernel, |name| match name {
        "WORKGROUP_SIZE" => 128.0,
        "KEY_TILE" => 16.0,
        "PARTS" => 4.0,
        "LANE_STEP" => 1.0,
        _ => 0.0,
    })
}

/// In the Metal shading language, without any feature.
pub fn metal(kernel: &KernelInfo) -> String {
    let (module, info) = metal_module(kernel);
    let options = msl::Options {
        lang_version: (2, 4),
        fake_missing_bindings: true,
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Unchecked,
            buffer: BoundsCheckPolicy::Unchecked,
            image_load: BoundsCheckPolicy::Unchecked,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: false,
        force_loop_bounding: false,
        ..msl::Options::default()
    };
    let mut text = String::new();
    msl::Writer::new(&mut text).write(&module, &info, &options, &msl::PipelineOptions::default()).unwrap();
    text
}

/// In HLSL, for Direct3D 12, without features or with all; of a size for which every kernel's workgroup memory is small enough there.
pub fn hlsl(kernel: &KernelInfo, has_features: bool) -> Result<String, hlsl::Error> {
    let (module, info) = specialised(kernel, |name| match name {
        "WORKGROUP_SIZE" => 64.0,
        "KEY_TILE" => 8.0,
        "PARTS" => 4.0,
        "LANE_STEP" => {
            if has_features {
                4.0
            } else {
                1.0
            }
        }
        _ => f64::from(u8::from(has_features)),
    });
    let options = hlsl::Options {
        shader_model: shader_model(kernel),
        fake_missing_bindings: true,
        zero_initialize_workgroup_memory: false,
        restrict_indexing: false,
        force_loop_bounding: false,
        ..hlsl::Options::default()
    };
    let entry_point = Some((ShaderStage::Compute, kernel.entry_point.to_owned()));
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &hlsl::PipelineOptions { entry_point }).write(&module, &info, None)?;
    Ok(text)
}

/// The least shader model that a kernel can do with: the one of FXC, or one of DXC's.
pub fn shader_model(kernel: &KernelInfo) -> hlsl::ShaderModel {
    match (kernel.uses_f16, kernel.uses_subgroups) {
        (true, _) => hlsl::ShaderModel::V6_2,
        (false, true) => hlsl::ShaderModel::V6_0,
        (false, false) => hlsl::ShaderModel::V5_1,
    }
}
