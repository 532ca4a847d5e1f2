//! Whether an ONNX Runtime is there and loads the library. Asked of a Python, in a process of its own: whatever goes wrong
//! there is an answer too.

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
