//! The measuring core: shapes, inputs, timing and errors. Its command-line face is `attention-bench`.

pub mod error;
pub mod inputs;
pub mod run;
pub mod shape;

pub use error::BenchError;
pub use run::{Effort, Measurement, Subject, measure};
pub use shape::Shape;
