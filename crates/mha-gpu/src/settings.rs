//! [`GpuSettings`]: how a device is opened, apart from which.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use mha_plan::DeviceKind;

/// What sleeping costs, the driver's interrupt and the scheduler's way to the thread, was measured on an H100 as 0.03 ms for calls
/// of 0.1 ms, and as 0.1 to 0.66 ms for those of 0.4 to 3 ms: of calls beyond this it is a sixth at the most.
const LONGEST_SPIN: Duration = Duration::from_millis(4);

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

/// What a thread does while the device computes for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Asks the device again and again for 4 ms at the most, and sleeps after that.
    #[default]
    Spinning,
    /// Sleeps.
    Sleeping,
}

impl Wait {
    /// For how long a thread asks before it sleeps. A device that computes on the host's own cores needs them, and so does all else
    /// where there is but one.
    pub(crate) fn spins(self, kind: DeviceKind) -> Duration {
        static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
        self.spins_on(kind, *CORES)
    }

    fn spins_on(self, kind: DeviceKind, cores: usize) -> Duration {
        match (self, kind) {
            (Wait::Sleeping, _) | (_, DeviceKind::Software) => Duration::ZERO,
            (Wait::Spinning, _) if cores < 2 => Duration::ZERO,
            (Wait::Spinning, _) => LONGEST_SPIN,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_spins_where_that_takes_nothing_from_the_device() {
        for kind in
            [DeviceKind::Discrete, DeviceKind::Integrated, DeviceKind::Virtual, DeviceKind::Software, DeviceKind::Other]
        {
            assert_eq!(Wait::Sleeping.spins_on(kind, 8), Duration::ZERO);
            assert_eq!(Wait::Spinning.spins_on(kind, 1), Duration::ZERO);
            assert_eq!(Wait::Spinning.spins_on(kind, 2) > Duration::ZERO, kind != DeviceKind::Software, "{kind:?}");
        }
    }
}
