//! Runs models through an ONNX Runtime that this process opens by itself, with the library's kernels and without: for
//! programs that compare them. The library does not use it.

mod error;
mod library;
mod runtime;
mod tensor;
mod trace;

pub use error::HostError;
pub use library::Library;
pub use runtime::{Feeds, LibraryUse, Outputs, Runtime, Session};
pub use tensor::{Data, Dim, ElementType, Port, Tensor, element_names};
pub use trace::NodeTimes;
