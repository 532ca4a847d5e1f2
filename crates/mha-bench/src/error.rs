//! What can go wrong in a benchmark.

use std::io;
use std::path::PathBuf;

use mha_gpu::{GpuError, OpenError};
use mha_plan::Refusal;

/// A benchmark that could not run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No device.
    #[error("{0}; {hint}", hint = driver_hint(.0))]
    Open(#[from] OpenError),
    /// The lane can't run the shape here.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Standard output can't be written.
    #[error("standard output can't be written: {0}")]
    Output(#[from] std::io::Error),
    /// A choice of path `auto` can't be kept.
    #[error(transparent)]
    Store(#[from] mha_auto::StoreError),
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// A wrong use of the command line: what to type instead.
    #[error("{0}")]
    Usage(String),
    /// A user's list of shapes that can't be measured.
    #[error("{}: {message}", path.display())]
    ShapeList {
        /// The file.
        path: PathBuf,
        /// The rule, and what was received.
        message: String,
    },
    /// A file of results that can't be read.
    #[error("{}: {message}", path.display())]
    Results {
        /// The file.
        path: PathBuf,
        /// The rule, and what was received.
        message: String,
    },
    /// A file that can't be written.
    #[error("{} can't be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A plot that the library could not draw.
    #[error("the plot could not be drawn: {0}")]
    Plot(String),
    /// A kernel that the catalogue does not have.
    #[error("the catalogue has a kernel {name}, got none")]
    NoKernel {
        /// Its name.
        name: String,
    },
    /// Built-in data that does not parse, or results that have no JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What to do where no device can be opened.
fn driver_hint(error: &OpenError) -> &'static str {
    if error.adapters.is_empty() {
        "install a driver, which `webgpu-attention doctor` then lists"
    } else {
        "`webgpu-attention doctor` tells more of each"
    }
}
