//! [`ShapeInference`]: ONNX Runtime asks for output shapes while it loads a model.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;

use ort::sys as ort_sys;

use super::api::{Api, status_text};
use super::failure::Failure;
use super::kernel_info::AttributeValue;
use super::tensor::Element;
use super::type_info::{Dim, TensorType};

/// A node whose output shapes are asked for.
pub(crate) struct ShapeInference<'a> {
    api: Api,
    ptr: *mut ort_sys::OrtShapeInferContext,
    call: PhantomData<&'a ()>,
}

impl ShapeInference<'_> {
    /// # Safety
    /// `ptr` is the context that ONNX Runtime passed to the call that the lifetime stands for.
    pub(super) unsafe fn new(api: Api, ptr: *mut ort_sys::OrtShapeInferContext) -> Self {
        ShapeInference { api, ptr, call: PhantomData }
    }

    /// Type and shape of each input as far as known.
    pub(crate) fn inputs(&self) -> Result<Vec<Option<TensorType>>, Failure> {
        let mut count = 0;
        call!(self.api, ShapeInferContext_GetInputCount(self.ptr, &mut count))?;
        let read = |index| {
            let mut info = std::ptr::null_mut();
            call!(self.api, ShapeInferContext_GetInputTypeShape(self.ptr, index, &mut info))?;
            // SAFETY: the context keeps owning `info`.
            let tensor = (!info.is_null()).then(|| unsafe { TensorType::read(self.api, info) }).transpose()?;
            Ok(tensor.filter(|tensor| tensor.element != Element::Other(0)))
        };
        (0..count).map(read).collect()
    }

    /// The attribute `name`, where it is an integer or a float.
    pub(crate) fn attribute(&self, name: &CStr) -> AttributeValue {
        let mut attribute = std::ptr::null();
        if call!(self.api, ShapeInferContext_GetAttribute(self.ptr, name.as_ptr(), &mut attribute)).is_err() {
            return AttributeValue::Missing;
        }
        let (mut int, mut float, mut size) = (0i64, 0f32, 0usize);
        let int_out = std::ptr::from_mut(&mut int).cast();
        let float_out = std::ptr::from_mut(&mut float).cast();
        use ort_sys::OrtOpAttrType::{ORT_OP_ATTR_FLOAT, ORT_OP_ATTR_INT};
        if call!(self.api, ReadOpAttr(attribute, ORT_OP_ATTR_INT, int_out, size_of::<i64>(), &mut size)).is_ok() {
            AttributeValue::Int(int)
        } else if call!(self.api, ReadOpAttr(attribute, ORT_OP_ATTR_FLOAT, float_out, size_of::<f32>(), &mut size))
            .is_ok()
        {
            AttributeValue::Float(float)
        } else {
            AttributeValue::Other("other kind")
        }
    }

    /// States type and shape of output 0. Symbols must not be empty: ONNX Runtime would read the dimension as -1.
    ///
    /// Only the first output: ONNX Runtime checks no bounds here, and does not tell how many outputs a node has.
    pub(crate) fn set_first_output(&mut self, element: Element, dims: &[Dim]) -> Result<(), Failure> {
        let values: Vec<i64> = dims.iter().map(|dim| dim.value().unwrap_or(-1)).collect();
        let symbols: Vec<CString> = dims
            .iter()
            .map(|dim| match dim {
                Dim::Known(_) => CString::default(),
                Dim::Symbol(symbol) => status_text(symbol),
            })
            .collect();
        let mut symbols: Vec<_> = symbols.iter().map(|symbol| symbol.as_ptr()).collect();
        let mut info = std::ptr::null_mut();
        call!(self.api, CreateTensorTypeAndShapeInfo(&mut info))?;
        let outcome = call!(self.api, SetTensorElementType(info, element.to_raw()))
            .and_then(|()| call!(self.api, SetDimensions(info, values.as_ptr(), values.len())))
            .and_then(|()| call!(self.api, SetSymbolicDimensions(info, symbols.as_mut_ptr(), symbols.len())))
            .and_then(|()| call!(self.api, ShapeInferContext_SetOutputTypeShape(self.ptr, 0, info)));
        // SAFETY: made above, released once.
        unsafe { (self.api.table().ReleaseTensorTypeAndShapeInfo)(info) };
        outcome
    }
}
