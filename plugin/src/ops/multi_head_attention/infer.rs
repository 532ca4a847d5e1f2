//! Shape inference while a model is loaded.

use std::sync::atomic::{AtomicU64, Ordering};

use mha_spec::Attributes;
use mha_spec::infer::{Dim as SpecDim, InputDims, InputsKnown, infer};

use super::input;
use super::node::raw_attributes;
use crate::sys::{Dim, Failure, ShapeInference, TensorType};

/// Tensor `index`, where the node has it.
pub(super) fn known(tensors: &[Option<TensorType>], index: usize) -> Option<&TensorType> {
    tensors.get(index)?.as_ref()
}

/// The inputs' dimensions in the terms of `mha_spec`.
struct Known<'a> {
    tensors: &'a [Option<TensorType>],
    dims: Vec<Vec<SpecDim<'a>>>,
}

impl<'a> Known<'a> {
    fn new(tensors: &'a [Option<TensorType>]) -> Self {
        let dim = |dim: &'a Dim| match dim {
            Dim::Known(value) => SpecDim::Known(*value),
            Dim::Symbol(symbol) if symbol.is_empty() => SpecDim::Unknown,
            Dim::Symbol(symbol) => SpecDim::Symbol(symbol),
        };
        let dims = |index| {
            let stated = known(tensors, index).and_then(|tensor| tensor.dims.as_deref()).unwrap_or_default();
            stated.iter().map(dim).collect()
        };
        Known { tensors, dims: (0..input::COUNT).map(dims).collect() }
    }

    fn inputs(&self) -> InputsKnown<'_> {
        let dims = |index: usize| match known(self.tensors, index) {
            None => InputDims::Absent,
            Some(TensorType { dims: None, .. }) => InputDims::UnknownRank,
            Some(_) => InputDims::Ranked(&self.dims[index]),
        };
        InputsKnown {
            query: dims(input::QUERY),
            key: dims(input::KEY),
            value: dims(input::VALUE),
            past_key: dims(input::PAST_KEY),
            past_sequence_length: known(self.tensors, input::PAST_SEQUENCE_LENGTH).is_some(),
        }
    }
}

/// States the shape of `output` as far as it is known. A node that breaks a rule gets none: ONNX Runtime discards the
/// status of this call, and the kernel reports the rule, when it is created or when it runs.
pub(super) fn infer_shapes(context: &mut ShapeInference<'_>) -> Result<(), Failure> {
    let tensors = context.inputs()?;
    let attributes = raw_attributes(|name| context.attribute(name)).and_then(Attributes::new);
    let (Ok(attributes), Some(query)) = (attributes, known(&tensors, input::QUERY)) else { return Ok(()) };
    let known_inputs = Known::new(&tensors);
    let Ok(shapes) = infer(attributes.num_heads, &known_inputs.inputs()) else { return Ok(()) };

    // One operator object answers for all types, so the type comes from the query.
    let dims: Vec<Dim> = shapes.output.iter().map(stated).collect();
    context.set_first_output(query.element, &dims)
}

/// A dimension for ONNX Runtime. It takes equal symbols for equal sizes when it plans memory, so a size of which nothing
/// is known gets a symbol of its own.
fn stated(dim: &SpecDim<'_>) -> Dim {
    static UNKNOWN: AtomicU64 = AtomicU64::new(0);
    match dim {
        SpecDim::Known(value) => Dim::Known(*value),
        SpecDim::Symbol(symbol) => Dim::Symbol((*symbol).to_owned()),
        SpecDim::Unknown => {
            Dim::Symbol(format!("MultiHeadAttention_unknown_{}", UNKNOWN.fetch_add(1, Ordering::Relaxed)))
        }
    }
}
