//! What has to be done before the process ends.

/// Runs `body` when the process ends in order, before libraries that were loaded earlier are taken down. Once, however often it is
/// asked for, and for one `body` of the program.
///
/// Windows ends all other threads before it takes libraries down, so that nothing has to be done there.
pub(crate) fn at_exit(body: fn()) {
    static BODY: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();
    BODY.get_or_init(|| {
        #[cfg(unix)]
        {
            extern "C" fn run() {
                if let Some(body) = BODY.get() {
                    // Nobody is left to tell of a panic.
                    let _ = std::panic::catch_unwind(body);
                }
            }
            // SAFETY: the library stays loaded until the process is gone, and so does the function.
            if unsafe { libc::atexit(run) } != 0 {
                tracing::warn!(target: crate::logging::TARGET, "nothing can be registered for the process's end");
            }
        }
        body
    });
}
