//! Runs models through an ONNX Runtime that this process opens by itself, with the library's kernels and without: for
//! programs that compare them. The library does not use it.

mod error;
mod runtime;
mod tensor;
mod trace;

use std::path::Path;

pub use error::HostError;
pub use runtime::{Feeds, LibraryUse, Runtime, Session};
pub use tensor::{Data, Dim, ElementType, Port, Tensor, element_names};
pub use trace::NodeTimes;

/// One line about the adapter that the build of the library in `file` would use: `selector` is a value of the session option
/// `adapter`.
///
/// # Errors
/// Why none is usable, or the file is not the library.
pub fn describe_adapter(file: &Path, selector: &str) -> Result<String, String> {
    crate::sys::describe_adapter(file, selector)
}
