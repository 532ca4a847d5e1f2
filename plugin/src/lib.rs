//! A custom-op library for ONNX Runtime: `com.microsoft.MultiHeadAttention` as WGSL kernels on the GPU.
//!
//! ONNX Runtime loads it through `RegisterCustomOps`; nothing here is called from Rust. [`ops`] holds the operators,
//! [`sys`] the C interface below them.

#![deny(unsafe_code)]

mod describe;
mod device;
mod logging;
mod ops;
mod session;
#[allow(unsafe_code)]
mod sys;
