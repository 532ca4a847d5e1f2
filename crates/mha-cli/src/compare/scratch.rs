//! [`Scratch`]: a temporary folder that does not outlive the program.

use std::io;
use std::path::Path;

use tempfile::TempDir;

/// A temporary folder, removed when it is dropped. On Unix Ctrl-C and a request to terminate remove it too, before they end
/// the program as they would without.
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
    use std::path::Path;
    use std::thread;

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    /// Signals that wait from now on, so that none comes between making a folder and knowing it.
    pub(super) struct Awaited(Signals);

    impl Awaited {
        pub(super) fn new() -> io::Result<Awaited> {
            Signals::new([SIGINT, SIGTERM]).map(Awaited)
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
}
