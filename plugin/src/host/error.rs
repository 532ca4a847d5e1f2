//! [`HostError`]: what keeps a host from running a model.

use std::path::PathBuf;

use crate::sys::API_VERSION;

/// Why a runtime, a session or a run could not be had.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The file can't be opened.
    #[error("ONNX Runtime is a shared library, got '{}' ({why})", file.display())]
    Unopened {
        /// As received.
        file: PathBuf,
        /// The loader's reason.
        why: String,
    },
    /// The file is another library.
    #[error("ONNX Runtime exports OrtGetApiBase, got '{}', which does not", file.display())]
    Foreign {
        /// As received.
        file: PathBuf,
    },
    /// The runtime is older than the library.
    #[error(
        "ort-webgpu-attention {} needs ONNX Runtime 1.{API_VERSION} or newer, got {version} ('{}')",
        env!("CARGO_PKG_VERSION"),
        file.display()
    )]
    TooOld {
        /// As received.
        file: PathBuf,
        /// Its version.
        version: String,
    },
    /// A process has one runtime.
    #[error("a process has one ONNX Runtime, got '{}' as its second", file.display())]
    Second {
        /// As received.
        file: PathBuf,
    },
    /// The file is not this library.
    #[error("the library is a build of ort-webgpu-attention, got '{}' ({why})", file.display())]
    NotLibrary {
        /// As received.
        file: PathBuf,
        /// What gives it away.
        why: String,
    },
    /// The library finds no adapter.
    #[error("the library needs an adapter: {0}")]
    NoAdapter(String),
    /// What the runtime itself says, in one line.
    #[error("{0}")]
    Runtime(String),
    /// An output of a type that is not compared.
    #[error("outputs are {accepted}, got '{name}' of type {received}")]
    OutputType {
        /// The output.
        name: String,
        /// Types that are.
        accepted: String,
        /// Its type.
        received: String,
    },
    /// A profile that can't be read.
    #[error("ONNX Runtime's profile is a JSON list of events: {0}")]
    Profile(String),
}

impl<R> From<ort::Error<R>> for HostError {
    fn from(error: ort::Error<R>) -> Self {
        HostError::Runtime(error.message().split_whitespace().collect::<Vec<_>>().join(" "))
    }
}
