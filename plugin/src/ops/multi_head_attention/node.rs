//! [`Node`]: what the model says about one node, read and checked when its kernel is created.

use std::ffi::CStr;

use mha_spec::{AttentionProblem, Attributes, DType, InputShapes, RawAttributes, RequestedOutputs, SpecError};

use super::infer::known;
use super::{input, output, spec_failure};
use crate::sys::{AttributeValue, Code, Dim, Element, Failure, KernelInfo, TensorType};

/// One node of a model.
pub(super) struct Node {
    /// Its name, maybe empty.
    pub(super) name: String,
    pub(super) dtype: DType,
    pub(super) attributes: Attributes,
    pub(super) requested: RequestedOutputs,
    /// Whether it has a past_key.
    pub(super) has_past: bool,
    /// The problem of every run, where the model states all shapes and no input's content matters.
    pub(super) fixed_problem: Option<AttentionProblem>,
}

impl Node {
    /// Reads the node and checks its attributes, and its shapes where the model states them all.
    pub(super) fn read(info: &KernelInfo<'_>, dtype: DType) -> Result<Node, Failure> {
        let raw = raw_attributes(|name| info.attribute(name)).map_err(|error| spec_failure(&error))?;
        let attributes = Attributes::new(raw).map_err(|error| spec_failure(&error))?;
        let inputs = info.inputs()?;
        let requested = requested_outputs(&info.outputs()?)?;
        let mut node = Node {
            name: info.node_name()?,
            dtype,
            attributes,
            requested,
            has_past: known(&inputs, input::PAST_KEY).is_some(),
            fixed_problem: None,
        };
        node.fixed_problem = node.fixed_problem(&inputs)?;
        Ok(node)
    }

    /// The problem of a run with these input shapes.
    pub(super) fn problem(
        &self,
        shapes: &InputShapes<'_>,
        past_sequence_length: Option<&[i32]>,
    ) -> Result<AttentionProblem, Failure> {
        mha_spec::problem(&self.attributes, self.dtype, shapes, past_sequence_length, self.requested)
            .map_err(|error| spec_failure(&error))
    }

    fn fixed_problem(&self, inputs: &[Option<TensorType>]) -> Result<Option<AttentionProblem>, Failure> {
        let past_length_matters = self.has_past && known(inputs, input::PAST_SEQUENCE_LENGTH).is_some();
        let Some(shapes) = static_shapes(inputs).filter(|_| !past_length_matters) else { return Ok(None) };
        self.problem(&input_shapes(|index| shapes.get(index)?.as_deref()), None).map(Some)
    }
}

/// Input shapes by name, from shapes by index.
pub(super) fn input_shapes<'a>(shape: impl Fn(usize) -> Option<&'a [i64]>) -> InputShapes<'a> {
    InputShapes {
        query: shape(input::QUERY).unwrap_or_default(),
        key: shape(input::KEY),
        value: shape(input::VALUE),
        bias: shape(input::BIAS),
        key_padding_mask: shape(input::KEY_PADDING_MASK),
        attention_bias: shape(input::ATTENTION_BIAS),
        past_key: shape(input::PAST_KEY),
        past_value: shape(input::PAST_VALUE),
        past_sequence_length: shape(input::PAST_SEQUENCE_LENGTH),
        cache_indirection: shape(input::CACHE_INDIRECTION),
    }
}

/// The shapes of all inputs, where the model states every dimension of each.
fn static_shapes(inputs: &[Option<TensorType>]) -> Option<Vec<Option<Vec<i64>>>> {
    let shape = |tensor: &TensorType| tensor.dims.as_ref()?.iter().map(Dim::value).collect::<Option<Vec<_>>>();
    inputs.iter().map(|input| input.as_ref().map_or(Some(None), |tensor| shape(tensor).map(Some))).collect()
}

/// The attributes of a node; `get` finds one by name.
pub(super) fn raw_attributes(get: impl Fn(&CStr) -> AttributeValue) -> Result<RawAttributes, SpecError> {
    let int = |name: &'static str, key| match get(key) {
        AttributeValue::Missing => Ok(None),
        AttributeValue::Int(value) => Ok(Some(value)),
        _ => Err(SpecError::AttributeKind { name, expected: "an integer" }),
    };
    let float = |name: &'static str, key| match get(key) {
        AttributeValue::Missing => Ok(None),
        AttributeValue::Float(value) => Ok(Some(value)),
        _ => Err(SpecError::AttributeKind { name, expected: "a float" }),
    };
    Ok(RawAttributes {
        num_heads: int("num_heads", c"num_heads")?,
        scale: float("scale", c"scale")?,
        mask_filter_value: float("mask_filter_value", c"mask_filter_value")?,
        unidirectional: int("unidirectional", c"unidirectional")?,
    })
}

fn requested_outputs(outputs: &[Option<TensorType>]) -> Result<RequestedOutputs, Failure> {
    let qk = match known(outputs, output::QK).map(|tensor| tensor.element) {
        None => None,
        Some(Element::Float32) => Some(DType::F32),
        Some(Element::Float16) => Some(DType::F16),
        Some(other) => {
            let rule = "output qk must be float32 or float16";
            return Err(Failure::new(Code::InvalidGraph, format!("{rule}; received element type {other:?}")));
        }
    };
    Ok(RequestedOutputs {
        present_key: known(outputs, output::PRESENT_KEY).is_some(),
        present_value: known(outputs, output::PRESENT_VALUE).is_some(),
        qk,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_the_wrong_kind_are_refused() {
        let wrong = |wrong: &'static CStr, value: AttributeValue| {
            raw_attributes(|name| match name {
                name if name == wrong => value.clone(),
                name if name == c"num_heads" => AttributeValue::Int(2),
                _ => AttributeValue::Missing,
            })
        };
        let error = wrong(c"num_heads", AttributeValue::Float(2.0)).unwrap_err();
        assert_eq!(error, SpecError::AttributeKind { name: "num_heads", expected: "an integer" });
        let error = wrong(c"scale", AttributeValue::Int(1)).unwrap_err();
        assert_eq!(error, SpecError::AttributeKind { name: "scale", expected: "a float" });
        let error = wrong(c"unidirectional", AttributeValue::Other("string")).unwrap_err();
        assert_eq!(error, SpecError::AttributeKind { name: "unidirectional", expected: "an integer" });
        let raw = wrong(c"scale", AttributeValue::Float(0.5)).unwrap();
        assert_eq!(raw, RawAttributes { num_heads: Some(2), scale: Some(0.5), ..RawAttributes::default() });
    }

    #[test]
    fn shapes_are_static_only_where_every_dimension_is_known() {
        let tensor = |dims: Option<Vec<Dim>>| Some(TensorType { element: Element::Float32, dims });
        let known = tensor(Some(vec![Dim::Known(2), Dim::Known(0)]));
        assert_eq!(static_shapes(&[known.clone(), None]), Some(vec![Some(vec![2, 0]), None]));
        assert_eq!(static_shapes(&[known.clone(), tensor(Some(vec![Dim::Symbol("B".into())]))]), None);
        assert_eq!(static_shapes(&[known, tensor(None)]), None);
    }

    #[test]
    fn qk_keeps_the_type_that_the_model_states() {
        let output = |element| Some(TensorType { element, dims: None });
        let float16 = output(Element::Float16);
        let requested = requested_outputs(&[float16.clone(), None, None, output(Element::Float32)]).unwrap();
        assert_eq!(requested, RequestedOutputs { qk: Some(DType::F32), ..RequestedOutputs::default() });
        let requested = requested_outputs(&[float16.clone(), float16.clone()]).unwrap();
        assert_eq!(requested, RequestedOutputs { present_key: true, ..RequestedOutputs::default() });
        let failure = requested_outputs(&[float16, None, None, output(Element::Other(11))]).unwrap_err();
        assert_eq!(failure.code, Code::InvalidGraph);
    }
}
