//! Every kernel of the catalogue: its parameter block is the host's, its bindings are the contract's, and it can be
//! specialised by its overrides.

use mha_kernels::{AttentionParams, KERNELS, KernelId, Slot};
use naga::proc::Layouter;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, Module, TypeInner};

fn parse(source: &str) -> Module {
    naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{}", error.emit_to_string(source)))
}

/// Offsets of the host's fields, by their WGSL names.
fn host_fields() -> Vec<(&'static str, usize)> {
    macro_rules! offsets {
        ($($name:ident),* $(,)?) => { vec![$((stringify!($name), std::mem::offset_of!(AttentionParams, $name))),*] };
    }
    let mut fields = offsets![
        query,
        key,
        value,
        past_key,
        past_value,
        output,
        attention_bias,
        padding_mask,
        cache_indirection,
        origin,
        end,
        q_len,
        past_len,
        head_size,
        v_head_size,
        num_heads,
        beam_width,
        source_beam,
        bias_batch_divisor,
        first_split,
        keys_per_split,
        splits,
        scale,
        mask_filter_value,
    ];
    let bias = std::mem::offset_of!(AttentionParams, bias_offsets);
    fields.extend([("query_bias_offset", bias), ("key_bias_offset", bias + 4), ("value_bias_offset", bias + 8)]);
    fields.sort_by_key(|(_, offset)| *offset);
    fields
}

#[test]
fn parameter_blocks_match_the_host() {
    for kernel in KERNELS {
        let module = parse(kernel.source);
        let mut layouter = Layouter::default();
        layouter.update(module.to_ctx()).unwrap();
        let (_, params) = module.global_variables.iter().find(|(_, v)| v.space == AddressSpace::Uniform).unwrap();
        let binding = params.binding.as_ref().unwrap();
        assert_eq!((binding.group, binding.binding), (0, 0), "{}", kernel.name);
        let TypeInner::Struct { members, span } = &module.types[params.ty].inner else {
            panic!("{}: the uniform is a struct", kernel.name);
        };
        let shader: Vec<(&str, usize)> =
            members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
        assert_eq!(shader, host_fields(), "{}", kernel.name);
        assert_eq!(*span as usize, size_of::<AttentionParams>(), "{}", kernel.name);
    }
}

#[test]
fn bindings_are_the_contracts() {
    for kernel in KERNELS {
        for binding in kernel.bindings {
            let writes =
                matches!(binding.slot, Slot::Output | Slot::PartialValues | Slot::PartialStats | Slot::Exchange);
            let combines = kernel.name.starts_with("combine");
            assert_eq!(!binding.read_only, writes && !(combines && binding.slot != Slot::Output), "{}", kernel.name);
        }
        assert!(kernel.bindings.iter().any(|b| b.slot == Slot::Output), "{} has a result", kernel.name);
        // Operands of matrices are float16 in both types.
        let halves = kernel.name.contains("_f16") || kernel.uses_coop;
        assert_eq!(halves, kernel.uses_f16, "{}", kernel.name);
        let on_matrices = |lanes: &[&str]| lanes.iter().any(|lane| kernel.name.starts_with(lane));
        assert_eq!(on_matrices(&["matrix_", "fragment_", "elements_"]), kernel.uses_coop, "{}", kernel.name);
        assert_eq!(on_matrices(&["fragment_", "elements_"]), kernel.uses_elements, "{}", kernel.name);
        let exchanges =
            ["_l2_", "_l4_", "_l8_", "_l16_", "_l32_", "seed_before"].iter().any(|part| kernel.name.contains(part));
        assert_eq!(exchanges, kernel.uses_subgroups, "{}", kernel.name);
    }
}

#[test]
fn every_kernel_takes_its_overrides() {
    for kernel in KERNELS {
        let module = parse(kernel.source);
        let info = Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).unwrap();
        for features in [0.0, 1.0] {
            let value = |name: &str| match name {
                "WORKGROUP_SIZE" => 64.0,
                "KEY_TILE" => 16.0,
                "PARTS" => 1.0 + features,
                "PADDING_MASK" => 2.0 * features,
                "LANE_STEP" => 1.0 + 3.0 * features,
                _ => features,
            };
            let constants: naga::back::PipelineConstants =
                kernel.overrides.iter().map(|name| ((*name).to_owned(), value(name))).collect();
            let stage = Some((naga::ShaderStage::Compute, kernel.entry_point));
            let (special, info) = naga::back::pipeline_constants::process_overrides(&module, &info, stage, &constants)
                .unwrap_or_else(|error| panic!("{}: {error:?}", kernel.name));
            naga::back::spv::write_vec(&special, &info, &naga::back::spv::Options::default(), None)
                .unwrap_or_else(|error| panic!("{}: {error:?}", kernel.name));
        }
    }
}

#[test]
fn kernels_are_found_by_name() {
    for id in KernelId::all() {
        assert_eq!(KernelId::named(id.info().name), Some(id));
    }
    assert_eq!(KernelId::named("rows_f64"), None);
}
