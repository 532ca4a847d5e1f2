//! The path `auto`: which lane and tuning row answer a class of problems the fastest on this device, found by measuring.
//!
//! [`Auto`] plans problems by what is known, and has a thread of its own that learns about the classes that sessions meet.
//! [`measure`] compares the candidates for one problem; [`Store`] keeps the results for later processes. What is decided and
//! why is in mha-plan (`candidates`) and mha-tune (`Race`), which know no device.

mod auto;
mod measure;
mod samples;
mod store;
mod worker;

pub use auto::{Auto, is_measuring, stop_all};
pub use measure::{Effort, Known, Measured, Undecided, measure};
pub use store::{Store, StoreError};
