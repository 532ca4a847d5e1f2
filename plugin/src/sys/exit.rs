//! What has to be done before the process ends.

/// Runs `body` when the process ends in order, before what others registered earlier, such as the end of libraries that drivers
/// loaded. What they registered later comes first, so that it may be worth registering again; `body` must bear running twice.
///
/// Windows ends all other threads before it takes libraries down, so that nothing has to be done there.
#[cfg(unix)]
pub(crate) fn at_exit(body: extern "C" fn()) {
    // SAFETY: the library stays loaded until the process is gone, and so does the function.
    if unsafe { libc::atexit(body) } != 0 {
        tracing::warn!(target: crate::logging::TARGET, "nothing can be registered for the process's end");
    }
}

/// Nothing has to be done.
#[cfg(not(unix))]
pub(crate) fn at_exit(_body: extern "C" fn()) {}
