//! The generated table of kernels.

use crate::contract::Slot;

/// A storage binding of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingInfo {
    /// What it holds; the binding number is [`Slot::binding`].
    pub slot: Slot,
    /// Whether the kernel only reads it.
    pub read_only: bool,
}

/// One composed kernel. Binding 0 of group 0 is always the uniform [`crate::AttentionParams`].
#[derive(Debug)]
pub struct KernelInfo {
    /// Name in `kernels/variants.txt`, axes filled in.
    pub name: &'static str,
    /// Its WGSL.
    pub source: &'static str,
    /// The entry point.
    pub entry_point: &'static str,
    /// Storage bindings that the code can touch, by number.
    pub bindings: &'static [BindingInfo],
    /// Override constants that have no default, sorted: a blueprint sets each of them.
    pub overrides: &'static [&'static str],
    /// Needs f16 in shaders.
    pub uses_f16: bool,
    /// Needs subgroup operations.
    pub uses_subgroups: bool,
    /// Needs cooperative matrices.
    pub uses_coop: bool,
    /// Goes through the elements of cooperative matrices, for which its WGSL has stand-ins only.
    pub uses_elements: bool,
}

mod generated {
    use super::{BindingInfo, KernelInfo, Slot};
    include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
}

/// The catalogue, sorted by name.
pub static KERNELS: &[KernelInfo] = generated::KERNELS;

/// A kernel of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelId(u16);

impl KernelId {
    /// Finds a kernel by its name.
    pub fn named(name: &str) -> Option<KernelId> {
        KERNELS.binary_search_by(|k| k.name.cmp(name)).ok().map(|i| KernelId(i as u16))
    }

    /// All kernels, by name.
    pub fn all() -> impl Iterator<Item = KernelId> {
        (0..KERNELS.len()).map(|i| KernelId(i as u16))
    }

    /// What the catalogue knows of it.
    pub fn info(self) -> &'static KernelInfo {
        &KERNELS[usize::from(self.0)]
    }
}

impl std::fmt::Display for KernelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.info().name)
    }
}
