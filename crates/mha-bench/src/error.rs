//! What can go wrong in a benchmark.

use mha_gpu::{GpuError, OpenError};
use mha_plan::Refusal;

/// A benchmark that could not run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No device.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The lane can't run the shape here.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// A name that means nothing.
    #[error("{what} is one of {accepted}, got `{received}`")]
    Unknown {
        /// What was named.
        what: &'static str,
        /// What is accepted.
        accepted: String,
        /// What was received.
        received: String,
    },
    /// A tuning row that does not parse.
    #[error("tuning row {line}: {message}")]
    Row {
        /// Which row, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A kernel that the catalogue does not have.
    #[error("the catalogue has a kernel {name}, got none")]
    NoKernel {
        /// Its name.
        name: String,
    },
    /// Built-in data that does not parse.
    #[error("shapes are a JSON list of shapes: {0}")]
    Shapes(#[from] serde_json::Error),
}
