//! The measuring core: shapes, inputs, timing and errors, and its command line.

pub mod command;
pub mod error;
pub mod inputs;
pub mod output;
pub mod peak;
pub mod plot;
pub mod progress;
pub mod random;
pub mod results;
pub mod run;
pub mod select;
pub mod shape;
mod shape_list;
pub mod subject;
pub mod usage;

pub use error::BenchError;
pub use inputs::Normals;
pub use progress::Progress;
pub use results::Results;
pub use run::{Effort, FirstCalls, Measurement, Workload, first_calls, measure};
pub use shape::Shape;
pub use subject::Subject;
