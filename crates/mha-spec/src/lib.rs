//! What `com.microsoft.MultiHeadAttention` (version 1) means, apart from how it is computed.
//!
//! Tensor shapes and attributes go in, an [`AttentionProblem`] or an error that states the broken rule comes out.
//! Nothing here knows of GPUs or of ONNX Runtime.

pub mod attributes;
pub mod error;
pub mod infer;
pub mod options;
pub mod problem;
pub mod shape;

pub use attributes::{Attributes, RawAttributes};
pub use error::{ErrorKind, Shape, SpecError};
pub use options::{AdapterChoice, FallbackChoice, OptionError, Options, PathChoice, ProfileChoice, RouteChoice};
pub use problem::{AttentionBias, AttentionProblem, DType, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias};
pub use shape::{InputShapes, OutputShapes, RequestedOutputs, check_cache_indirection, output_shapes, problem};

/// Names of the operator's inputs, by index.
pub const INPUT_NAMES: [&str; 10] = [
    "query",
    "key",
    "value",
    "bias",
    "key_padding_mask",
    "attention_bias",
    "past_key",
    "past_value",
    "past_sequence_length",
    "cache_indirection",
];

/// Names of the operator's outputs, by index.
pub const OUTPUT_NAMES: [&str; 4] = ["output", "present_key", "present_value", "qk"];
