//! [`Library`]: a build of this library, as a file that sessions load.

use std::path::{Path, PathBuf};

use super::HostError;
use crate::sys::{LoadedLibrary, NoLibrary};

/// A build of this library.
pub struct Library {
    file: PathBuf,
    loaded: LoadedLibrary,
}

impl Library {
    /// Opens the build in `file`.
    ///
    /// # Errors
    /// The file is no build of this library.
    pub fn open(file: &Path) -> Result<Library, HostError> {
        let file = file.to_owned();
        match LoadedLibrary::open(&file) {
            Ok(loaded) => Ok(Library { file, loaded }),
            Err(NoLibrary::Unopened(why)) => Err(HostError::NotLibrary { file, why }),
            Err(NoLibrary::Foreign) => {
                Err(HostError::NotLibrary { file, why: "it lacks functions of this version".to_owned() })
            }
        }
    }

    /// Its file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// One line about the adapter that it would use: `selector` is a value of the session option `adapter`.
    ///
    /// # Errors
    /// No adapter is usable.
    pub fn describe_adapter(&self, selector: &str) -> Result<String, HostError> {
        self.loaded.describe_adapter(selector).map_err(HostError::NoAdapter)
    }

    /// Whether its path `auto` is measuring kernels, beside whatever else the process does.
    pub fn is_measuring(&self) -> bool {
        self.loaded.is_measuring()
    }
}
