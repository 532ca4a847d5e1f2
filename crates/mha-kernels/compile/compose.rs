//! Joins whole WGSL files. No text is ever formatted into them.

use std::fs;
use std::path::Path;

/// The files in their order, each behind a comment that names it.
pub fn join(root: &Path, files: &[String]) -> Result<String, String> {
    let mut source = String::new();
    for file in files {
        let text = fs::read_to_string(root.join(file)).map_err(|e| format!("kernels/{file}: {e}"))?;
        // Nothing may precede an `enable`, so the name follows its file.
        source.push_str(&text);
        source.push_str(&format!("// ^ kernels/{file}\n\n"));
    }
    Ok(source)
}
