//! How this library opens a GPU.

use std::sync::Arc;

use mha_auto::Auto;
use mha_gpu::{Gpu, GpuSettings, OpenError, Timestamps, platform_cache_directory};
use mha_spec::{AdapterChoice, AttentionProblem};

use crate::logging::TARGET;
use crate::sys;

/// The process's device for a choice of adapter, with compiled pipelines kept in the user's cache directory. Where GPU times
/// are wanted and no such adapter gives any, a device without, and one warning.
///
/// # Errors
/// [`OpenError`] where no adapter fits the choice and can be used.
pub(crate) fn open(choice: &AdapterChoice, timestamps: Timestamps) -> Result<Arc<Gpu>, OpenError> {
    // Settings that differ would make a second device.
    let with = |timestamps| {
        let pipeline_cache = platform_cache_directory();
        Gpu::open(choice, &GpuSettings { pipeline_cache, timestamps, ..GpuSettings::default() })
    };
    with(timestamps).or_else(|error| match timestamps {
        Timestamps::Off => Err(error),
        _ => with(Timestamps::Off).inspect(|gpu| {
            let gpu = gpu.describe();
            tracing::warn!(target: TARGET, "kernel times of the profile are the host's, as {gpu} gives none");
        }),
    })
}

/// What path `auto` knows of a device, with what the user's cache directory has of it.
pub(crate) fn auto(gpu: &Arc<Gpu>) -> Arc<Auto> {
    Auto::of(gpu, platform_cache_directory().as_deref())
}

/// Tells `auto` of a call that the device answered.
pub(crate) fn called(auto: &Auto, problem: &AttentionProblem) {
    if auto.called(problem) {
        // A host may end with sessions open, which would take the graphics driver down under the thread that measures. Registered
        // now and not when the session began: compilers in drivers register an end of their own when they are first used.
        sys::at_exit(stop_measuring);
    }
}

extern "C" fn stop_measuring() {
    // Nobody is left to tell of a panic.
    let _ = std::panic::catch_unwind(mha_auto::stop_all);
}
