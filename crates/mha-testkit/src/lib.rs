//! Attention problems to test with: seeded ones over the whole operator, their inputs, and the comparison of a result
//! with the float64 reference.
//!
//! A [`Case`] is a problem with the values of its inputs; [`Case::bytes`] gives them as tensors, [`Expected`] holds the
//! reference's answer and the tolerance of each of its values.

pub mod case;
pub mod compare;
pub mod random;
pub mod shapes;
pub mod stand_in;

pub use case::Case;
pub use compare::{Expected, Mismatch};
pub use shapes::{Shapes, plain};
pub use stand_in::with_stand_ins;
