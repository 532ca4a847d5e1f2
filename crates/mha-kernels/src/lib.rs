//! The WGSL kernels of `kernels/` as a catalogue, and the contract between host and shaders.
//!
//! `build.rs` joins, validates and reflects every variant that `kernels/variants.txt` lists, so a kernel that does not
//! compile fails the build of this crate.

pub mod catalogue;
pub mod contract;

pub use catalogue::{BindingInfo, KERNELS, KernelId, KernelInfo};
pub use contract::{AttentionParams, Slot, Strides, padding_mask};
