//! A custom-op library for ONNX Runtime: `com.microsoft.MultiHeadAttention` as WGSL kernels on the GPU.
//!
//! ONNX Runtime loads it through `RegisterCustomOps`. [`ops`] holds the operators, [`sys`] the C interface below them.
//! From Rust there is [`host`] alone, which runs models with the library and without.

#![deny(unsafe_code)]

mod describe;
mod device;
pub mod host;
mod logging;
mod ops;
mod profile;
mod session;
#[allow(unsafe_code)]
mod sys;
