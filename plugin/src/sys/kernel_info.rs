//! [`KernelInfo`]: the node that a kernel is created for.

use std::ffi::{CStr, c_char};
use std::marker::PhantomData;

use ort::sys as ort_sys;

use super::api::Api;
use super::failure::Failure;
use super::inner_op::{InnerOp, InnerOpSpec};
use super::logger::Logger;
use super::scratch::Arena;
use super::tensor::TensorRef;
use super::type_info::TensorType;

/// An attribute of a node. ONNX Runtime does not check those of a custom operator, and cannot list them: they are
/// asked for by name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AttributeValue {
    /// The node has no attribute of this name.
    Missing,
    Int(i64),
    Float(f32),
    /// Of some other kind: its name.
    Other(&'static str),
}

/// The node that a kernel is created for.
pub(crate) struct KernelInfo<'a> {
    api: Api,
    ptr: *const ort_sys::OrtKernelInfo,
    call: PhantomData<&'a ()>,
}

impl KernelInfo<'_> {
    /// # Safety
    /// `ptr` is the kernel info that ONNX Runtime passed to the call that the lifetime stands for.
    pub(super) unsafe fn new(api: Api, ptr: *const ort_sys::OrtKernelInfo) -> Self {
        KernelInfo { api, ptr, call: PhantomData }
    }

    /// N of the runtime's version 1.N; 0 where it is written in another way.
    pub(crate) fn runtime_minor_version(&self) -> u32 {
        self.api.minor_version()
    }

    /// Name of the node; may be empty.
    pub(crate) fn node_name(&self) -> Result<String, Failure> {
        read_string!(self.api, KernelInfo_GetNodeName(self.ptr))
    }

    /// The logger of the session.
    pub(crate) fn logger(&self) -> Option<Logger<'_>> {
        let mut logger = std::ptr::null();
        call!(self.api, KernelInfo_GetLogger(self.ptr, &mut logger)).ok()?;
        // SAFETY: valid while the session lives, which outlives the borrow of `self`.
        unsafe { Logger::new(self.api, logger) }
    }

    /// All configuration entries of the session.
    pub(crate) fn config_entries(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut pairs = std::ptr::null_mut();
        call!(self.api, KernelInfo_GetConfigEntries(self.ptr, &mut pairs))?;
        let (mut keys, mut values, mut count) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: `pairs` was made above and is released once, after its strings are copied.
        unsafe {
            (self.api.table().GetKeyValuePairs)(pairs, &mut keys, &mut values, &mut count);
            let text = |strings: *const *const c_char, index: usize| {
                CStr::from_ptr(*strings.add(index)).to_string_lossy().into_owned()
            };
            let entries = (0..count).map(|index| (text(keys, index), text(values, index))).collect();
            (self.api.table().ReleaseKeyValuePairs)(pairs);
            Ok(entries)
        }
    }

    /// Type and shape of each input as the model states them; `None` where an optional one is absent.
    pub(crate) fn inputs(&self) -> Result<Vec<Option<TensorType>>, Failure> {
        let mut count = 0;
        call!(self.api, KernelInfo_GetInputCount(self.ptr, &mut count))?;
        let read = |index| {
            let name = read_string!(self.api, KernelInfo_GetInputName(self.ptr, index))?;
            let mut info = std::ptr::null_mut();
            if name.is_empty() {
                return Ok(None);
            }
            call!(self.api, KernelInfo_GetInputTypeInfo(self.ptr, index, &mut info))?;
            self.tensor_type(info)
        };
        (0..count).map(read).collect()
    }

    /// The same for outputs.
    pub(crate) fn outputs(&self) -> Result<Vec<Option<TensorType>>, Failure> {
        let mut count = 0;
        call!(self.api, KernelInfo_GetOutputCount(self.ptr, &mut count))?;
        let read = |index| {
            let name = read_string!(self.api, KernelInfo_GetOutputName(self.ptr, index))?;
            let mut info = std::ptr::null_mut();
            if name.is_empty() {
                return Ok(None);
            }
            call!(self.api, KernelInfo_GetOutputTypeInfo(self.ptr, index, &mut info))?;
            self.tensor_type(info)
        };
        (0..count).map(read).collect()
    }

    /// Reads and releases `info`; `None` for what is no tensor.
    fn tensor_type(&self, info: *mut ort_sys::OrtTypeInfo) -> Result<Option<TensorType>, Failure> {
        let mut tensor = std::ptr::null();
        let cast = call!(self.api, CastTypeInfoToTensorInfo(info, &mut tensor));
        // SAFETY: `tensor` is null or a part of `info`, which the caller just made and is released once, here.
        unsafe {
            let read = cast.and_then(|()| match tensor.is_null() {
                true => Ok(None),
                false => TensorType::read(self.api, tensor).map(Some),
            });
            (self.api.table().ReleaseTypeInfo)(info);
            read
        }
    }

    /// The attribute `name`.
    pub(crate) fn attribute(&self, name: &CStr) -> AttributeValue {
        let (mut int, mut float, mut size) = (0i64, 0f32, 0usize);
        let name = name.as_ptr();
        // Each getter fails on another kind as on a missing attribute, so the kind is found by trying them all.
        if call!(self.api, KernelInfoGetAttribute_int64(self.ptr, name, &mut int)).is_ok() {
            AttributeValue::Int(int)
        } else if call!(self.api, KernelInfoGetAttribute_float(self.ptr, name, &mut float)).is_ok() {
            AttributeValue::Float(float)
        } else if read_string!(self.api, KernelInfoGetAttribute_string(self.ptr, name)).is_ok() {
            AttributeValue::Other("string")
        } else if self.is_list(name, &mut size) {
            AttributeValue::Other("list")
        } else if self.is_tensor(name) {
            AttributeValue::Other("tensor")
        } else {
            AttributeValue::Missing
        }
    }

    fn is_list(&self, name: *const c_char, size: &mut usize) -> bool {
        call!(self.api, KernelInfoGetAttributeArray_int64(self.ptr, name, std::ptr::null_mut(), size)).is_ok()
            || call!(self.api, KernelInfoGetAttributeArray_float(self.ptr, name, std::ptr::null_mut(), size)).is_ok()
    }

    fn is_tensor(&self, name: *const c_char) -> bool {
        let (mut allocator, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        if call!(self.api, GetAllocatorWithDefaultOptions(&mut allocator)).is_err()
            || call!(self.api, KernelInfoGetAttribute_tensor(self.ptr, name, allocator, &mut value)).is_err()
        {
            return false;
        }
        // SAFETY: made by the call above, released once.
        unsafe { (self.api.table().ReleaseValue)(value) };
        true
    }

    /// The content of input `index`, where the model fixes it as an initializer that no run can replace.
    pub(crate) fn constant_input(&self, index: usize) -> Result<Option<TensorRef<'_>>, Failure> {
        let (mut is_constant, mut value) = (0, std::ptr::null());
        call!(self.api, KernelInfoGetConstantInput_tensor(self.ptr, index, &mut is_constant, &mut value))?;
        if is_constant == 0 || value.is_null() {
            return Ok(None);
        }
        // SAFETY: initializers of a node of the CPU provider are tensors in host memory, and the session owns them.
        unsafe { TensorRef::new(self.api, value).map(Some) }
    }

    /// Memory for temporary tensors.
    pub(crate) fn arena(&self) -> Result<Arena, Failure> {
        // SAFETY: `self.ptr` is valid while `self` lives.
        unsafe { Arena::new(self.api, self.ptr) }
    }

    /// Makes a kernel of ONNX Runtime's own.
    pub(crate) fn inner_op(&self, spec: &InnerOpSpec<'_>) -> Result<InnerOp, Failure> {
        // SAFETY: `self.ptr` is valid while `self` lives.
        unsafe { InnerOp::new(self.api, self.ptr, spec) }
    }
}
