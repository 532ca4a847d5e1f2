//! Shared libraries that a host process opens by itself: an ONNX Runtime, and this library without one.

use std::ffi::{CStr, CString, c_char};
use std::path::Path;

use libloading::Library;
use ort::sys as ort_sys;

use super::api::{API_VERSION, minor_version};

/// Why a file can't serve as the process's ONNX Runtime.
#[derive(Debug)]
pub(crate) enum NoRuntime {
    /// It can't be opened: the loader's reason.
    Unopened(String),
    /// It is another library.
    Foreign,
    /// Its version, which is older than 1.[`API_VERSION`].
    TooOld(String),
    /// The process has a runtime already.
    Second,
}

/// Opens the ONNX Runtime in `file` and makes it the one that `ort` calls from now on, until the process ends. Gives its
/// version.
pub(crate) fn open_runtime(file: &Path) -> Result<String, NoRuntime> {
    // SAFETY: opening a library runs its initialisers, which those of ONNX Runtime allow at any time.
    let library = unsafe { Library::new(file) }.map_err(|error| NoRuntime::Unopened(one_line(&error)))?;
    // SAFETY: the C interface has had this function since its first version.
    let base = unsafe { library.get::<unsafe extern "C" fn() -> *const ort_sys::OrtApiBase>(b"OrtGetApiBase\0") };
    let base = base.map_err(|_| NoRuntime::Foreign)?;
    // SAFETY: the table lives as long as the library, and so does the version's text. A table of a newer version begins
    // with that of ours, and `ort` copies no more.
    let version = unsafe {
        let base = base();
        let version = CStr::from_ptr(((*base).GetVersionString)()).to_string_lossy().into_owned();
        // Asked before the table is: an older runtime also prints a complaint of its own.
        if minor_version(&version) < API_VERSION {
            return Err(NoRuntime::TooOld(version));
        }
        let Some(table) = ((*base).GetApi)(API_VERSION).as_ref() else { return Err(NoRuntime::TooOld(version)) };
        if !ort::set_api(std::ptr::read(table)) {
            return Err(NoRuntime::Second);
        }
        version
    };
    // `ort` keeps the table's functions for good.
    std::mem::forget(library);
    Ok(version)
}

/// Why a file is no build of this library.
#[derive(Debug)]
pub(crate) enum NoLibrary {
    /// It can't be opened: the loader's reason.
    Unopened(String),
    /// It is another library, or a build of another version.
    Foreign,
}

type Describe = unsafe extern "C" fn(*const c_char, *mut c_char, usize) -> i32;
type IsMeasuring = extern "C" fn() -> i32;

/// A build of this library that the process has loaded, for good: its devices and threads stay.
pub(crate) struct LoadedLibrary {
    describe: Describe,
    is_measuring: IsMeasuring,
}

impl LoadedLibrary {
    /// Opens a build.
    pub(crate) fn open(file: &Path) -> Result<LoadedLibrary, NoLibrary> {
        // SAFETY: the library's initialisers may run at any time.
        let library = unsafe { Library::new(file) }.map_err(|error| NoLibrary::Unopened(one_line(&error)))?;
        // SAFETY: every build exports the functions with these signatures.
        let functions = unsafe {
            let describe = library.get::<Describe>(b"ort_webgpu_attention_describe\0");
            let is_measuring = library.get::<IsMeasuring>(b"ort_webgpu_attention_is_measuring\0");
            describe.and_then(|describe| Ok((*describe, *is_measuring?)))
        };
        let (describe, is_measuring) = functions.map_err(|_| NoLibrary::Foreign)?;
        std::mem::forget(library);
        Ok(LoadedLibrary { describe, is_measuring })
    }

    /// What it says of the adapter that `selector` picks: one line, or why none is usable.
    pub(crate) fn describe_adapter(&self, selector: &str) -> Result<String, String> {
        let selector = CString::new(selector).map_err(|_| "an adapter's name has no NUL".to_owned())?;
        let mut text = [0u8; 4096];
        // SAFETY: a C string and room for as many bytes as are named.
        let needed = unsafe { (self.describe)(selector.as_ptr(), text.as_mut_ptr().cast(), text.len()) };
        let line =
            CStr::from_bytes_until_nul(&text).map(|line| line.to_string_lossy().into_owned()).unwrap_or_default();
        if needed < 0 { Err(line) } else { Ok(line) }
    }

    /// Whether its path `auto` is measuring kernels.
    pub(crate) fn is_measuring(&self) -> bool {
        (self.is_measuring)() != 0
    }
}

/// A loader's message, which may have several lines, as one.
fn one_line(error: &libloading::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_runtime_is_told_apart() {
        let missing = open_runtime(Path::new("/nonexistent/libonnxruntime.so")).unwrap_err();
        assert!(matches!(&missing, NoRuntime::Unopened(why) if why.contains("nonexistent")), "{missing:?}");
        let missing = LoadedLibrary::open(Path::new("/nonexistent/library.so")).err().unwrap();
        assert!(matches!(&missing, NoLibrary::Unopened(why) if why.contains("nonexistent")), "{missing:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn another_library_is_foreign() {
        let libc = Path::new("libc.so.6");
        assert!(matches!(open_runtime(libc), Err(NoRuntime::Foreign)));
        assert!(matches!(LoadedLibrary::open(libc), Err(NoLibrary::Foreign)));
    }
}
