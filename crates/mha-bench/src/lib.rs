//! The measuring core: shapes, inputs, timing and errors, and its command line.

pub mod command;
pub mod error;
pub mod inputs;
pub mod peak;
pub mod progress;
pub mod run;
pub mod shape;

pub use error::BenchError;
pub use inputs::Normals;
pub use progress::Progress;
pub use run::{Effort, FirstCalls, Measurement, Subject, Workload, first_calls, measure};
pub use shape::Shape;
