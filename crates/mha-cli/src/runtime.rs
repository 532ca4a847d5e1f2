//! Whether an ONNX Runtime is there and loads the library, and where. Asked of a Python, in a process of its own: whatever goes
//! wrong there is an answer too.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Prints the runtime's version, then `loaded` or why not.
const PROGRAM: &str = "
import sys
import onnxruntime
print(onnxruntime.__version__, onnxruntime.__file__, sep='\t', flush=True)
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(sys.argv[1])
print('loaded')
";

/// An ONNX Runtime and what became of the library in it.
pub(crate) struct Runtime {
    /// Version and place.
    pub(crate) version: String,
    pub(crate) place: String,
    /// Why the library did not load, if so.
    pub(crate) refused: Option<String>,
}

/// The library beside this program, if it is there.
pub(crate) fn library() -> Option<PathBuf> {
    let name = format!("{}ort_webgpu_attention{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = std::env::current_exe().ok()?.with_file_name(name);
    path.is_file().then_some(path)
}

/// Asks a Python interpreter.
///
/// # Errors
/// There is no such interpreter, or it has no onnxruntime.
pub(crate) fn ask(python: &str, library: &Path) -> Result<Runtime, String> {
    let output = Command::new(python)
        .args(["-c", PROGRAM])
        .arg(library)
        .output()
        .map_err(|error| format!("`{python}` can't be run ({error}): name another with --python"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last_error = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").trim().to_owned();
    let mut lines = stdout.lines();
    let Some((version, place)) = lines.next().and_then(|line| line.split_once('\t')) else {
        return Err(format!(
            "`{python}` has no ONNX Runtime ({last_error}): pip install onnxruntime, or name another with --python"
        ));
    };
    let refused = if output.status.success() && lines.next() == Some("loaded") { None } else { Some(last_error) };
    Ok(Runtime { version: version.to_owned(), place: place.to_owned(), refused })
}

/// Prints the folder of the package, without importing it.
const FOLDER: &str = "
import importlib.util, os
print(os.path.dirname(importlib.util.find_spec('onnxruntime').origin))
";

/// The shared library of a Python's ONNX Runtime.
///
/// # Errors
/// There is no such interpreter, it has no onnxruntime, or that has no library of its own.
pub(crate) fn onnxruntime(python: &str) -> Result<PathBuf, String> {
    let output = Command::new(python).args(["-c", FOLDER]).output().map_err(|error| {
        format!("ONNX Runtime is that of a Python, but `{python}` can't be run ({error}): name another with --python, or ONNX \
                 Runtime's shared library with --onnxruntime")
    })?;
    if !output.status.success() {
        return Err(format!(
            "ONNX Runtime is that of a Python, but `{python}` has none: pip install onnxruntime, name another with --python, or \
             ONNX Runtime's shared library with --onnxruntime"
        ));
    }
    let folder = Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("capi");
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = files.filter(|file| is_onnxruntime(file)).collect();
    found.sort();
    found.pop().ok_or_else(|| {
        format!(
            "ONNX Runtime's shared library is in '{}', got none there: name it with --onnxruntime",
            folder.display()
        )
    })
}

/// Whether this is its name: `libonnxruntime.so.1.24.0`, `libonnxruntime.1.24.0.dylib`, `onnxruntime.dll`.
fn is_onnxruntime(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let rest = name.strip_prefix(std::env::consts::DLL_PREFIX).and_then(|name| name.strip_prefix("onnxruntime."));
    rest.is_some_and(|rest| rest.split('.').any(|part| part == std::env::consts::DLL_EXTENSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_runtime_itself_has_its_name() {
        let is = |name: &str| is_onnxruntime(Path::new(name));
        let own = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        assert!(is(&own) && is(&format!("folder/{own}")));
        assert!(is(&format!("{own}.1.24.0")));
        assert!(!is(&own.replace("onnxruntime", "onnxruntime_providers_shared")));
        assert!(!is("onnxruntime.py") && !is(""));
    }

    #[test]
    fn without_a_python_the_options_are_named() {
        let error = onnxruntime("/nonexistent/python").unwrap_err();
        assert!(error.contains("--python") && error.contains("--onnxruntime"), "{error}");
    }
}
