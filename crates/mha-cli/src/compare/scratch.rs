//! [`Scratch`]: a temporary folder that does not outlive the program.

use std::io;
use std::path::Path;

use tempfile::TempDir;

/// A temporary folder, removed when it is dropped. On Unix Ctrl-C, a request to terminate and a closed terminal remove it too,
/// before they end the program as they would without. Those that the program was started to ignore stay ignored.
pub(super) struct Scratch(TempDir);

impl Scratch {
    pub(super) fn new() -> io::Result<Scratch> {
        #[cfg(unix)]
        let signals = unix::Awaited::new()?;
        let folder = tempfile::Builder::new().prefix("webgpu-attention-").tempdir()?;
        #[cfg(unix)]
        signals.remove(folder.path())?;
        Ok(Scratch(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io;
    use std::mem::MaybeUninit;
    use std::path::Path;
    use std::ptr;
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    /// Signals that wait from now on, so that none comes between making a folder and knowing it.
    pub(super) struct Awaited(Signals);

    impl Awaited {
        pub(super) fn new() -> io::Result<Awaited> {
            let signals =
                [SIGHUP, SIGINT, SIGTERM].map(|signal| is_ignored(signal).map(|is_ignored| (signal, is_ignored)));
            let signals = signals.into_iter().collect::<io::Result<Vec<_>>>()?;
            Signals::new(signals.iter().filter(|(_, is_ignored)| !is_ignored).map(|(signal, _)| signal)).map(Awaited)
        }

        /// Has the first of them remove a folder. The thread stays to the end: without it signals would be lost.
        pub(super) fn remove(self, folder: &Path) -> io::Result<()> {
            let (mut signals, folder) = (self.0, folder.to_owned());
            let body = move || {
                for signal in signals.forever() {
                    // Once more where a file was made meanwhile.
                    let _ = fs::remove_dir_all(&folder).or_else(|_| fs::remove_dir_all(&folder));
                    let _ = emulate_default_handler(signal);
                }
            };
            thread::Builder::new().name("signals".into()).spawn(body).map(drop)
        }
    }

    /// Whether the program was started with this signal ignored, as `nohup` does with SIGHUP and a script's `&` with SIGINT.
    fn is_ignored(signal: libc::c_int) -> io::Result<bool> {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: without a new action it changes nothing, and it may write the present one to `action`.
        if unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it succeeded, so it has written it.
        let action = unsafe { action.assume_init() };
        Ok(action.sa_sigaction == libc::SIG_IGN)
    }
}
