//! Types and shapes as far as the model states them.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use ort::sys as ort_sys;

use super::api::Api;
use super::failure::Failure;
use super::tensor::Element;

/// One dimension of a model's tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dim {
    /// A number.
    Known(i64),
    /// A symbol such as "batch", or the empty string.
    Symbol(String),
}

impl Dim {
    /// The number, where it is one.
    pub(crate) fn value(&self) -> Option<i64> {
        match self {
            Dim::Known(value) => Some(*value),
            Dim::Symbol(_) => None,
        }
    }
}

/// Element type and shape of an input or output, as the model states them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorType {
    pub(crate) element: Element,
    /// `None` where not even the rank is known.
    pub(crate) dims: Option<Vec<Dim>>,
}

impl TensorType {
    /// Reads `info`, which the caller keeps owning.
    ///
    /// # Safety
    /// `info` is a live object of this runtime.
    pub(super) unsafe fn read(api: Api, info: *const ort_sys::OrtTensorTypeAndShapeInfo) -> Result<Self, Failure> {
        // SAFETY: as above.
        let element = unsafe { element(api, info)? };
        // SAFETY: as above.
        let has_shape = unsafe { (api.table().TensorTypeAndShape_HasShape)(info) };
        if !has_shape {
            return Ok(TensorType { element, dims: None });
        }
        // SAFETY: as above.
        let values = unsafe { dims(api, info)? };
        let mut symbols: Vec<*const c_char> = vec![std::ptr::null(); values.len()];
        call!(api, GetSymbolicDimensions(info, symbols.as_mut_ptr(), symbols.len()))?;
        let dims = values.into_iter().zip(symbols).map(|(value, symbol)| match value {
            0.. => Dim::Known(value),
            // SAFETY: symbols are null or C strings that `info` owns.
            _ if !symbol.is_null() => Dim::Symbol(unsafe { CStr::from_ptr(symbol) }.to_string_lossy().into_owned()),
            _ => Dim::Symbol(String::new()),
        });
        Ok(TensorType { element, dims: Some(dims.collect()) })
    }
}

/// # Safety
/// `info` is a live object of this runtime.
unsafe fn element(api: Api, info: *const ort_sys::OrtTensorTypeAndShapeInfo) -> Result<Element, Failure> {
    let mut raw = MaybeUninit::<ort_sys::ONNXTensorElementDataType>::uninit();
    call!(api, GetTensorElementType(info, raw.as_mut_ptr()))?;
    // SAFETY: written by the successful call; read as an integer as a newer runtime may know more types.
    Ok(Element::from_raw(unsafe { raw.as_ptr().cast::<i32>().read() }))
}

/// # Safety
/// `info` is a live object of this runtime.
unsafe fn dims(api: Api, info: *const ort_sys::OrtTensorTypeAndShapeInfo) -> Result<Vec<i64>, Failure> {
    let mut rank = 0;
    call!(api, GetDimensionsCount(info, &mut rank))?;
    let mut dims = vec![0; rank];
    call!(api, GetDimensions(info, dims.as_mut_ptr(), rank))?;
    Ok(dims)
}
