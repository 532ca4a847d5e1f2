//! [`GpuSettings`]: how a device is opened, apart from which.

use std::path::PathBuf;

/// How to open a device. Tests and benchmarks differ from the default; two settings never share a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GpuSettings {
    /// Compile kernels with wgpu's run-time checks (bounds, loops, divisions) and with workgroup memory zeroed.
    pub checks: bool,
    /// Lower the device's limit on the size of a storage binding to this many bytes.
    pub max_binding_size: Option<u64>,
    /// Lower the device's limit on workgroups in each dimension of a dispatch to this.
    pub max_workgroups: Option<u32>,
    /// Copy through staging buffers even where the device could map the storage itself.
    pub staged_transfers: bool,
    /// Where compiled pipelines are kept for later processes, if anywhere, as far as the backend can.
    pub pipeline_cache: Option<PathBuf>,
    /// What to measure the GPU time of. Unless that is nothing, an adapter without timestamp queries is passed over.
    pub timestamps: Timestamps,
}

/// What GPU times are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Timestamps {
    /// None.
    #[default]
    Off,
    /// One for all steps of a call, which run in one compute pass as they do without timestamps.
    Call,
    /// One for each step too. Each then has a compute pass of its own, so that the whole takes longer.
    Steps,
}
