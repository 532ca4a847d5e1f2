//! How this library opens a GPU.

use std::sync::Arc;

use mha_gpu::{Gpu, GpuSettings, OpenError, platform_cache_directory};
use mha_spec::AdapterChoice;

/// The process's device for a choice of adapter, with compiled pipelines kept in the user's cache directory.
///
/// # Errors
/// [`OpenError`] where no adapter fits the choice and can be used.
pub(crate) fn open(choice: &AdapterChoice) -> Result<Arc<Gpu>, OpenError> {
    // Settings that differ would make a second device.
    Gpu::open(choice, &GpuSettings { pipeline_cache: platform_cache_directory(), ..GpuSettings::default() })
}
