//! `com.microsoft.MultiHeadAttention`, version 1: [`node`] reads what the model says, [`kernel`] answers its runs on the
//! GPU, and [`cpu`] on ONNX Runtime's own kernel where the GPU can't.

mod convert;
mod cpu;
mod infer;
mod kernel;
mod node;
mod plans;
mod posed;
mod route;

use std::ffi::CStr;

use mha_spec::{DType, ErrorKind, SpecError};

use crate::logging;
use crate::sys::{Code, Element, Failure, KernelInfo, Operator, Port, ShapeInference};
pub(crate) use route::Router;

use kernel::AttentionKernel;
use node::Node;

/// Indices of the inputs.
mod input {
    pub(super) const QUERY: usize = 0;
    pub(super) const KEY: usize = 1;
    pub(super) const VALUE: usize = 2;
    pub(super) const BIAS: usize = 3;
    pub(super) const KEY_PADDING_MASK: usize = 4;
    pub(super) const ATTENTION_BIAS: usize = 5;
    pub(super) const PAST_KEY: usize = 6;
    pub(super) const PAST_VALUE: usize = 7;
    pub(super) const PAST_SEQUENCE_LENGTH: usize = 8;
    pub(super) const CACHE_INDIRECTION: usize = 9;
    pub(super) const COUNT: usize = mha_spec::INPUT_NAMES.len();
}

/// Indices of the outputs.
mod output {
    pub(super) const OUTPUT: usize = 0;
    pub(super) const PRESENT_KEY: usize = 1;
    pub(super) const PRESENT_VALUE: usize = 2;
    pub(super) const QK: usize = 3;
    pub(super) const COUNT: usize = mha_spec::OUTPUT_NAMES.len();
}

/// The operator for one type of its floating-point inputs.
pub(super) struct MultiHeadAttention {
    dtype: DType,
    inputs: [Port; input::COUNT],
    outputs: [Port; output::COUNT],
}

impl MultiHeadAttention {
    pub(super) fn new(dtype: DType) -> Self {
        let float = match dtype {
            DType::F32 => Element::Float32,
            DType::F16 => Element::Float16,
        };
        let inputs = std::array::from_fn(|index| {
            let int = [input::KEY_PADDING_MASK, input::PAST_SEQUENCE_LENGTH, input::CACHE_INDIRECTION];
            let element = if int.contains(&index) { Element::Int32 } else { float };
            Port { element: Some(element), optional: index != input::QUERY }
        });
        // The schema gives qk a type of its own, which the model states.
        let outputs = std::array::from_fn(|index| Port {
            element: (index != output::QK).then_some(float),
            optional: index != output::OUTPUT,
        });
        MultiHeadAttention { dtype, inputs, outputs }
    }
}

impl Operator for MultiHeadAttention {
    type Kernel = AttentionKernel;

    fn name(&self) -> &'static CStr {
        c"MultiHeadAttention"
    }

    fn version(&self) -> u16 {
        1
    }

    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn create_kernel(&self, info: &KernelInfo<'_>) -> Result<AttentionKernel, Failure> {
        logging::scope(info.logger(), || AttentionKernel::new(info, Node::read(info, self.dtype)?))
    }

    fn infer_shapes(&self, context: &mut ShapeInference<'_>) -> Result<(), Failure> {
        infer::infer_shapes(context)
    }
}

/// A broken rule of the operator as a status.
fn spec_failure(error: &SpecError) -> Failure {
    let code = match error.kind() {
        ErrorKind::InvalidArgument => Code::InvalidArgument,
        ErrorKind::Fail => Code::Fail,
        ErrorKind::InvalidGraph => Code::InvalidGraph,
    };
    Failure::new(code, error)
}
