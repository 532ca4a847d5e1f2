//! Measured choice between ways to compute attention. A [`Class`] holds problems that take about as long on one machine; a
//! [`Contest`] gathers the times of candidates for a class and says which comes next. Nothing here reads a clock, a GPU or a
//! file: times come in from outside, so that every decision is tested with made-up ones.

mod class;
mod contest;
mod race;

pub use class::{Class, Work};
pub use contest::{Choice, Contest, Reason};
pub use race::{Outcome, Race};
