//! What can go wrong: [`OpenError`] when picking a device, [`GpuError`] when using one.

use std::fmt;

use mha_plan::Tensor;
use mha_spec::AdapterChoice;
use thiserror::Error;

use crate::adapters::AdapterSummary;

/// No device could be opened. Displays the choice, then each adapter with the reason it was passed over.
#[derive(Clone, Debug)]
pub struct OpenError {
    /// What was asked for.
    pub choice: AdapterChoice,
    /// Every adapter of the machine, in the order of [`list_adapters`](crate::list_adapters), and why it was passed
    /// over.
    pub adapters: Vec<(AdapterSummary, String)>,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.choice {
            AdapterChoice::Auto => write!(f, "no usable graphics adapter")?,
            AdapterChoice::Index(index) => write!(f, "no usable graphics adapter with index {index}")?,
            AdapterChoice::Name(name) => write!(f, "no usable graphics adapter whose name contains \"{name}\"")?,
        }
        if self.adapters.is_empty() {
            return write!(f, ": this machine offers none through Vulkan, Metal or Direct3D 12");
        }
        for (position, (adapter, reason)) in self.adapters.iter().enumerate() {
            let separator = if position == 0 { ':' } else { ';' };
            write!(f, "{separator} [{}] {adapter}: {reason}", adapter.index)?;
        }
        Ok(())
    }
}

impl std::error::Error for OpenError {}

/// A device could not do what was asked of it. Displays the rule, then what was received.
#[derive(Debug, Error)]
pub enum GpuError {
    /// The kernel uses a feature that the device lacks.
    #[error("kernel {kernel} needs a device with {feature}, got {device}")]
    Unsupported {
        /// The kernel.
        kernel: &'static str,
        /// The feature that is missing.
        feature: &'static str,
        /// Name of the device.
        device: String,
    },
    /// The kernel's source or its override constants were refused by the shader compiler.
    #[error("kernel {kernel} must compile for this device: {message}")]
    Shader {
        /// The kernel.
        kernel: &'static str,
        /// What the compiler said.
        message: String,
    },
    /// The caller's tensors are not those of the plan.
    #[error("{rule}, got {received} for {tensor:?}")]
    Tensors {
        /// The tensor.
        tensor: Tensor,
        /// The rule.
        rule: &'static str,
        /// What was received.
        received: String,
    },
    /// The plan does not fit its kernels.
    #[error("{rule}, got {received} in a step of kernel {kernel}")]
    Plan {
        /// Kernel of the step.
        kernel: &'static str,
        /// The rule.
        rule: &'static str,
        /// What was received.
        received: String,
    },
    /// A buffer is larger than the device allows.
    #[error("a buffer must not exceed the device's limit of {limit} bytes, got {bytes} bytes for {what}")]
    BufferTooLarge {
        /// What the buffer is for.
        what: &'static str,
        /// Bytes asked for.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Device or host memory for the device is exhausted.
    #[error("the device is out of memory while it should {operation}")]
    OutOfMemory {
        /// What was being done, as in "create a buffer of 16 bytes".
        operation: String,
    },
    /// wgpu refused an operation: a plan that breaks one of its rules, or a defect.
    #[error("the device refused to {operation}: {message}")]
    Refused {
        /// What was being done.
        operation: String,
        /// wgpu's description.
        message: String,
    },
    /// The device is gone. [`Gpu::open`](crate::Gpu::open) gives a new one.
    #[error("the device was lost: {message}")]
    DeviceLost {
        /// What the driver said.
        message: String,
    },
}
