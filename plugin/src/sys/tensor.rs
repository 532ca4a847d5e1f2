//! Tensors in host memory.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

use ort::sys as ort_sys;

use super::api::Api;
use super::failure::{Code, Failure};

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    Float32,
    Float16,
    Int32,
    /// Any other, by its number in ONNX.
    Other(i32),
}

impl Element {
    pub(super) fn from_raw(raw: i32) -> Element {
        [Element::Float32, Element::Float16, Element::Int32]
            .into_iter()
            .find(|element| element.to_raw() as i32 == raw)
            .unwrap_or(Element::Other(raw))
    }

    /// [`Element::Other`] has no counterpart here and becomes "undefined".
    pub(super) fn to_raw(self) -> ort_sys::ONNXTensorElementDataType {
        use ort_sys::ONNXTensorElementDataType as Raw;
        match self {
            Element::Float32 => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
            Element::Float16 => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
            Element::Int32 => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
            Element::Other(_) => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED,
        }
    }

    /// Bytes of one element, `None` for types that this library has no business with.
    pub(crate) fn size(self) -> Option<usize> {
        match self {
            Element::Float32 | Element::Int32 => Some(4),
            Element::Float16 => Some(2),
            Element::Other(_) => None,
        }
    }
}

/// Where a tensor's elements are.
pub(super) struct Memory {
    pub(super) data: *mut u8,
    pub(super) len: usize,
}

impl Memory {
    pub(super) fn range(&self) -> Range<usize> {
        self.data.addr()..self.data.addr() + self.len
    }

    pub(super) fn overlaps(&self, other: &Memory) -> bool {
        let (a, b) = (self.range(), other.range());
        a.start < b.end && b.start < a.end
    }
}

/// A tensor in host memory, alive during `'a`. Its memory is looked up when it is asked for, as calls that ONNX Runtime's own
/// kernels answer have no use for it.
pub(crate) struct TensorRef<'a> {
    api: Api,
    pub(super) value: *const ort_sys::OrtValue,
    element: Element,
    /// The dimensions, which are the tensor's own and live as long.
    dims: *const i64,
    rank: usize,
    life: PhantomData<&'a ()>,
}

impl<'a> TensorRef<'a> {
    /// # Safety
    /// `value` is a tensor of this runtime in host memory, and lives during `'a`.
    #[inline]
    pub(super) unsafe fn new(api: Api, value: *const ort_sys::OrtValue) -> Result<TensorRef<'a>, Failure> {
        let mut raw = MaybeUninit::<ort_sys::ONNXTensorElementDataType>::uninit();
        let (mut dims, mut rank) = (std::ptr::null(), 0);
        call!(api, GetTensorElementTypeAndShapeDataReference(value, raw.as_mut_ptr(), &mut dims, &mut rank))?;
        // SAFETY: written by the successful call; read as an integer as a newer runtime may know more types.
        let element = Element::from_raw(unsafe { raw.as_ptr().cast::<i32>().read() });
        if rank == 0 {
            // A scalar has no dimensions, and maybe no address of them.
            dims = std::ptr::dangling();
        }
        Ok(TensorRef { api, value, element, dims, rank, life: PhantomData })
    }

    pub(crate) fn shape(&self) -> &'a [i64] {
        // SAFETY: the dimensions live as long as the tensor, and nobody reshapes it meanwhile.
        unsafe { std::slice::from_raw_parts(self.dims, self.rank) }
    }

    pub(crate) fn element(&self) -> Element {
        self.element
    }

    pub(super) fn memory(&self) -> Result<Memory, Failure> {
        let size = self.element.size().ok_or_else(|| {
            let rule = "tensors must be float32, float16 or int32";
            Failure::new(Code::InvalidArgument, format!("{rule}; received element type {:?}", self.element))
        })?;
        let shape = self.shape();
        let len = shape.iter().try_fold(size, |len, &dim| len.checked_mul(usize::try_from(dim).ok()?));
        let len = len.ok_or_else(|| {
            Failure::new(Code::Fail, format!("a tensor must fit in memory; received shape {shape:?}"))
        })?;
        let mut data = std::ptr::null_mut();
        if len > 0 {
            call!(self.api, GetTensorMutableData(self.value.cast_mut(), &mut data))?;
        } else {
            // An empty tensor may have no memory at all, and a slice needs an address.
            data = std::ptr::dangling_mut::<u64>().cast();
        }
        Ok(Memory { data: data.cast(), len })
    }

    /// The elements as they lie in memory.
    pub(crate) fn bytes(&self) -> Result<&[u8], Failure> {
        let memory = self.memory()?;
        // SAFETY: the tensor outlives the borrow, nobody writes an input, and `Outputs` never forms a slice over memory that
        // overlaps one.
        Ok(unsafe { std::slice::from_raw_parts(memory.data, memory.len) })
    }

    /// The elements of an int32 tensor.
    pub(crate) fn int32(&self) -> Result<Vec<i32>, Failure> {
        Ok(self.bytes()?.as_chunks().0.iter().map(|&bytes| i32::from_ne_bytes(bytes)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_survive_the_round_trip() {
        for element in [Element::Float32, Element::Float16, Element::Int32] {
            assert_eq!(Element::from_raw(element.to_raw() as i32), element);
        }
        assert_eq!(Element::from_raw(11), Element::Other(11));
    }

    #[test]
    fn overlap_needs_a_common_byte() {
        let bytes = [0u8; 16];
        let part = |start: usize, len: usize| Memory { data: bytes.as_ptr().wrapping_add(start).cast_mut(), len };
        assert!(part(0, 8).overlaps(&part(7, 1)));
        assert!(!part(0, 8).overlaps(&part(8, 8)));
        assert!(!part(4, 0).overlaps(&part(0, 4)));
    }
}
