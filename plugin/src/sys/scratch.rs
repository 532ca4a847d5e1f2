//! [`Scratch`]: tensors that live as long as a run, for inner kernels to read and write.

use std::marker::PhantomData;

use ort::sys as ort_sys;

use super::api::Api;
use super::failure::{Code, Failure};
use super::tensor::Element;

/// The allocator of a session's CPU provider: what it hands out was mostly used before, so that no page of it is new to the
/// process.
pub(crate) struct Arena {
    api: Api,
    allocator: *mut ort_sys::OrtAllocator,
}

// SAFETY: ONNX Runtime itself allocates from several threads at once.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    /// # Safety
    /// `info` is the kernel info of the call under way.
    pub(super) unsafe fn new(api: Api, info: *const ort_sys::OrtKernelInfo) -> Result<Arena, Failure> {
        let mut allocator = std::ptr::null_mut();
        call!(api, KernelInfoGetAllocator(info, ort_sys::OrtMemType::OrtMemTypeDefault, &mut allocator))?;
        Ok(Arena { api, allocator })
    }

    /// A float32 tensor for an inner kernel to write; until then its content is whatever was there.
    pub(crate) fn tensor(&self, shape: &[i64]) -> Result<Scratch<'_>, Failure> {
        let mut value = std::ptr::null_mut();
        let element = Element::Float32.to_raw();
        call!(self.api, CreateTensorAsOrtValue(self.allocator, shape.as_ptr(), shape.len(), element, &mut value))
            .map_err(|failure| {
                let rule = format!("temporary tensors must fit in memory; received one of shape {shape:?}");
                Failure::new(Code::Fail, format!("{rule} ({failure})"))
            })?;
        Ok(Scratch { api: self.api, value, _data: Vec::new(), _arena: PhantomData })
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: given by KernelInfoGetAllocator, released once, after every tensor of it.
        unsafe { (self.api.table().ReleaseAllocator)(self.allocator) };
    }
}

/// A float32 tensor in memory of our own, or of an arena.
pub(crate) struct Scratch<'a> {
    api: Api,
    pub(super) value: *mut ort_sys::OrtValue,
    /// What the tensor lies over, where that is not an arena's.
    _data: Vec<f32>,
    _arena: PhantomData<&'a Arena>,
}

impl Scratch<'_> {
    pub(super) fn over(api: Api, shape: &[i64], mut data: Vec<f32>) -> Result<Self, Failure> {
        let len = shape.iter().try_fold(1usize, |len, &dim| len.checked_mul(usize::try_from(dim).ok()?));
        if len != Some(data.len()) {
            let rule = "a tensor has as many elements as its shape says";
            return Err(Failure::new(Code::Fail, format!("{rule}; received {} for shape {shape:?}", data.len())));
        }
        let mut memory_info = std::ptr::null_mut();
        call!(
            api,
            CreateCpuMemoryInfo(
                ort_sys::OrtAllocatorType::OrtDeviceAllocator,
                ort_sys::OrtMemType::OrtMemTypeDefault,
                &mut memory_info,
            )
        )?;
        let mut value = std::ptr::null_mut();
        let outcome = call!(
            api,
            CreateTensorWithDataAsOrtValue(
                memory_info,
                data.as_mut_ptr().cast(),
                size_of_val(data.as_slice()),
                shape.as_ptr(),
                shape.len(),
                Element::Float32.to_raw(),
                &mut value,
            )
        );
        // SAFETY: made above, released once; the tensor has its own copy.
        unsafe { (api.table().ReleaseMemoryInfo)(memory_info) };
        outcome?;
        Ok(Scratch { api, value, _data: data, _arena: PhantomData })
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        // SAFETY: made by one of the two functions above, released once, before the memory under it.
        unsafe { (self.api.table().ReleaseValue)(self.value) };
    }
}
