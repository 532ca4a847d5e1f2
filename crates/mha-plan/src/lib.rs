//! Pure planning: which kernels, with which constants, grids and slices of tensors, answer an attention problem on a
//! device. Nothing here names a graphics API or reads the environment, so every decision is tested without a GPU.

pub mod blueprint;
pub mod caps;
pub mod devices;
pub mod plan;
pub mod profile;
pub mod refusal;

mod candidates;
mod cells;
mod constants;
mod exchange;
mod fits;
mod presents;
mod select;
mod steps;
mod turns;
mod views;
mod waves;

pub use blueprint::Blueprint;
pub use candidates::{Candidate, Candidates, candidates, fills};
pub use caps::{CoopMatrix, DeviceCaps, DeviceKind};
pub use fits::workgroup_memory;
pub use plan::{Binding, Copied, CopiedRows, Plan, Run, Step, Tensor};
pub use refusal::Refusal;
pub use select::{Lane, PlanOptions, Preference, Presents, plan};
