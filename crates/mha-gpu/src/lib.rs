//! Runs attention plans on a GPU through wgpu.
//!
//! [`Gpu::open`] picks an adapter and gives the one device that the process keeps for it. [`Gpu::run`] answers a
//! [`Plan`](mha_plan::Plan) for tensors in host memory: a transfer layer moves them, and the launch layer below it,
//! which knows device buffers only, encodes the plan's steps. Everything here may be called from many threads at once.
//!
//! What a plan says is taken as given: which kernels, constants, grids and slices. What can go wrong on the device
//! comes back as a [`GpuError`], never as a panic.

mod adapters;
mod buffers;
mod context;
mod copies;
mod disk_cache;
mod elements;
#[cfg(not(target_vendor = "apple"))]
mod elementwise;
mod error;
mod gpu;
mod launch;
mod measure;
mod pipelines;
mod probe;
mod resident;
mod settings;
#[cfg(test)]
mod tests;
mod transfer;
mod upload;
mod vouch;
mod warnings;

pub use adapters::{AdapterIdentity, AdapterSummary, list_adapters};
pub use disk_cache::platform_cache_directory;
pub use error::{GpuError, OpenError};
pub use gpu::Gpu;
pub use launch::StepTime;
pub use measure::Staged;
pub use resident::{Resident, Source};
pub use settings::{GpuSettings, Timestamps, Wait};
pub use transfer::{HostTimes, RunReport};

/// Target of every log line of this crate.
const LOG: &str = "ort_webgpu_attention";
