//! Runs models through an ONNX Runtime that this process opens by itself, with the library's kernels and without: for
//! programs that compare them. The library does not use it.

mod error;
mod runtime;
mod tensor;
mod trace;

use std::path::Path;

pub use error::HostError;
pub use runtime::{Feeds, LibraryUse, Outputs, Runtime, Session};
pub use tensor::{Data, Dim, ElementType, Port, Tensor, element_names};
pub use trace::NodeTimes;

use crate::sys::NoAdapter;

/// One line about the adapter that the build of the library in `file` would use: `selector` is a value of the session option
/// `adapter`.
///
/// # Errors
/// No adapter is usable, or the file is not the library.
pub fn describe_adapter(file: &Path, selector: &str) -> Result<String, HostError> {
    crate::sys::describe_adapter(file, selector).map_err(|why| {
        let foreign = |why: &str| HostError::NotLibrary { file: file.to_owned(), why: why.to_owned() };
        match why {
            NoAdapter::Unopened(why) => foreign(&why),
            NoAdapter::Foreign => foreign("it exports no ort_webgpu_attention_describe"),
            NoAdapter::Unusable(why) => HostError::NoAdapter(why),
        }
    })
}
