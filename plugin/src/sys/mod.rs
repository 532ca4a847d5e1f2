//! Everything unsafe: ONNX Runtime's C interface behind safe types, and the library's own C entry points.
//!
//! The rest of the library is compiled with `unsafe_code` denied. It sees [`Operator`] and [`Kernel`], which it
//! implements, and the context types that ONNX Runtime's calls hand to them. No panic of an implementation reaches
//! the caller: [`guard`] turns it into a status.

#[macro_use]
mod api;
mod compute;
mod exit;
mod exports;
mod failure;
mod guard;
mod inner_op;
mod kernel_info;
mod library;
pub(crate) mod logger;
mod open;
mod operator;
mod pin;
mod scratch;
mod shape_inference;
mod tensor;
mod type_info;

pub(crate) use api::{API_VERSION, Api};
pub(crate) use compute::{ComputeContext, Inputs, Outputs};
pub(crate) use exit::at_exit;
pub(crate) use failure::{Code, Failure};
pub(crate) use inner_op::{InnerOp, InnerOpSpec, Operand, Target};
pub(crate) use kernel_info::{AttributeValue, KernelInfo};
pub(crate) use library::RegisteredOperators;
pub(crate) use open::{LoadedLibrary, NoLibrary, NoRuntime, open_runtime};
pub(crate) use operator::{Kernel, Operator, Port};
pub(crate) use scratch::{Arena, Scratch};
pub(crate) use shape_inference::ShapeInference;
pub(crate) use tensor::{Element, TensorRef};
pub(crate) use type_info::{Dim, TensorType};
