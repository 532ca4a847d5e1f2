//! The WGSL kernels of `kernels/` as a catalogue, and the contract between host and shaders.
//!
//! `build.rs` joins, validates and reflects every variant that `kernels/variants.txt` lists, so a kernel that does not
//! compile fails the build of this crate.

pub mod catalogue;
pub mod contract;

pub use catalogue::{BindingInfo, KernelId, KernelInfo, KERNELS};
pub use contract::{padding_mask, AttentionParams, Slot, Strides};
