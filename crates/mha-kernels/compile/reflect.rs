//! Facts about a composed kernel, read by naga.

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, StorageAccess};

/// What the catalogue records.
pub struct Facts {
    /// (binding, read only), storage buffers only.
    pub bindings: Vec<(u32, bool)>,
    /// Overrides without a default: those that a blueprint sets.
    pub overrides: Vec<String>,
    pub uses_f16: bool,
    pub uses_subgroups: bool,
    pub uses_coop: bool,
    pub uses_elements: bool,
}

/// Parses, validates and reflects a kernel.
pub fn facts(source: &str) -> Result<Facts, String> {
    let mut module = naga::front::wgsl::parse_str(source).map_err(|e| e.emit_to_string(source))?;
    naga::compact::compact(&mut module, naga::compact::KeepUnused::No);
    let validate = |capabilities| {
        let mut validator = Validator::new(ValidationFlags::all(), capabilities);
        validator.validate(&module).map(drop).map_err(|error| error.emit_to_string(source))
    };
    validate(Capabilities::all())?;
    let needs = |capability| validate(Capabilities::all() - capability).is_err();

    let mut bindings: Vec<(u32, bool)> = module
        .global_variables
        .iter()
        .filter_map(|(_, variable)| match (variable.space, &variable.binding) {
            (AddressSpace::Storage { access }, Some(binding)) => {
                Some((binding.binding, !access.contains(StorageAccess::STORE)))
            }
            _ => None,
        })
        .collect();
    bindings.sort_unstable();
    let mut overrides: Vec<String> =
        module.overrides.iter().filter(|(_, o)| o.init.is_none()).filter_map(|(_, o)| o.name.clone()).collect();
    overrides.sort();
    Ok(Facts {
        bindings,
        overrides,
        uses_f16: needs(Capabilities::SHADER_FLOAT16),
        uses_subgroups: needs(Capabilities::SUBGROUP),
        uses_coop: needs(Capabilities::COOPERATIVE_MATRIX),
        uses_elements: module
            .functions
            .iter()
            .any(|(_, function)| function.name.as_ref().is_some_and(|name| is_elementwise(name))),
    })
}

/// Whether a function goes through the elements of matrices: what mha-gpu's elementwise.rs gives a body.
fn is_elementwise(name: &str) -> bool {
    name.starts_with("each_") || name.starts_with("fold_")
}

/// The kernel's entry in the generated table.
pub fn catalogue_row(name: &str, source: &str, facts: &Facts) -> String {
    let bindings: String = facts
        .bindings
        .iter()
        .map(|(binding, read_only)| {
            format!("BindingInfo {{ slot: Slot::ALL[{}], read_only: {read_only} }}, ", binding - 1)
        })
        .collect();
    format!(
        "    KernelInfo {{ name: {name:?}, source: {source:?}, entry_point: \"main\", bindings: &[{bindings}], \
         overrides: &{:?}, uses_f16: {}, uses_subgroups: {}, uses_coop: {}, uses_elements: {} }},\n",
        facts.overrides, facts.uses_f16, facts.uses_subgroups, facts.uses_coop, facts.uses_elements
    )
}
