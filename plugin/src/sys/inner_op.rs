//! [`InnerOp`]: one of ONNX Runtime's own kernels, called from inside a kernel.

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;

use ort::sys as ort_sys;

use super::api::Api;
use super::compute::{ComputeContext, OutputRef};
use super::failure::{Code, Failure};
use super::scratch::Scratch;
use super::tensor::{Element, TensorRef};

/// Which of ONNX Runtime's operators to make a kernel of.
pub(crate) struct InnerOpSpec<'a> {
    pub(crate) name: &'static CStr,
    pub(crate) domain: &'static CStr,
    pub(crate) version: i32,
    /// Type constraints of the operator's schema.
    pub(crate) types: &'a [(&'static CStr, Element)],
    pub(crate) ints: &'a [(&'static CStr, i64)],
    pub(crate) floats: &'a [(&'static CStr, f32)],
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// A kernel of ONNX Runtime's own. Calls may come from several threads at once, as they do on the kernels of a session.
pub(crate) struct InnerOp {
    api: Api,
    op: *mut ort_sys::OrtOp,
    inputs: usize,
    outputs: usize,
}

// SAFETY: an OrtOp is a kernel, whose Compute is const and is called concurrently by ONNX Runtime itself.
unsafe impl Send for InnerOp {}
// SAFETY: as above.
unsafe impl Sync for InnerOp {}

impl InnerOp {
    /// # Safety
    /// `info` is the kernel info of the call under way.
    pub(super) unsafe fn new(
        api: Api,
        info: *const ort_sys::OrtKernelInfo,
        spec: &InnerOpSpec<'_>,
    ) -> Result<InnerOp, Failure> {
        let mut attributes = Attributes { api, list: Vec::new() };
        for (name, value) in spec.ints {
            attributes.add(name, std::ptr::from_ref(value).cast(), ort_sys::OrtOpAttrType::ORT_OP_ATTR_INT)?;
        }
        for (name, value) in spec.floats {
            attributes.add(name, std::ptr::from_ref(value).cast(), ort_sys::OrtOpAttrType::ORT_OP_ATTR_FLOAT)?;
        }
        let mut names: Vec<_> = spec.types.iter().map(|(name, _)| name.as_ptr()).collect();
        let elements: Vec<_> = spec.types.iter().map(|(_, element)| element.to_raw()).collect();
        let mut op = std::ptr::null_mut();
        call!(
            api,
            CreateOp(
                info,
                spec.name.as_ptr(),
                spec.domain.as_ptr(),
                spec.version,
                names.as_mut_ptr(),
                elements.as_ptr(),
                names.len() as c_int,
                attributes.list.as_ptr().cast(),
                attributes.list.len() as c_int,
                spec.inputs as c_int,
                spec.outputs as c_int,
                &mut op,
            )
        )?;
        Ok(InnerOp { api, op, inputs: spec.inputs, outputs: spec.outputs })
    }

    /// Computes inside the run that `context` stands for. Inputs and outputs are as many as the kernel was made for; outputs are
    /// all there, as ONNX Runtime follows their pointers unchecked.
    ///
    /// Outputs that share memory with an input are written in place: the kernel is ONNX Runtime's own, and does what
    /// it would do without this library.
    pub(crate) fn invoke(
        &self,
        context: &ComputeContext<'_>,
        inputs: &[Operand<'_>],
        outputs: &[Target<'_>],
    ) -> Result<(), Failure> {
        if (inputs.len(), outputs.len()) != (self.inputs, self.outputs) {
            let rule = format!("the inner kernel needs {} inputs and {} outputs", self.inputs, self.outputs);
            let received = format!("{} and {}", inputs.len(), outputs.len());
            return Err(Failure::new(Code::RuntimeException, format!("{rule}; received {received}")));
        }
        call!(
            self.api,
            InvokeOp(
                context.ptr,
                self.op,
                inputs.as_ptr().cast(),
                self.inputs as c_int,
                outputs.as_ptr().cast(),
                self.outputs as c_int,
            )
        )
    }
}

impl Drop for InnerOp {
    fn drop(&mut self) {
        // SAFETY: made by CreateOp, released once.
        unsafe { (self.api.table().ReleaseOp)(self.op) };
    }
}

/// Attributes that are released whatever happens next: CreateOp copies them.
struct Attributes {
    api: Api,
    list: Vec<*mut ort_sys::OrtOpAttr>,
}

impl Attributes {
    fn add(
        &mut self,
        name: &CStr,
        value: *const std::ffi::c_void,
        kind: ort_sys::OrtOpAttrType,
    ) -> Result<(), Failure> {
        let mut attribute = std::ptr::null_mut();
        call!(self.api, CreateOpAttr(name.as_ptr(), value, 1, kind, &mut attribute))?;
        self.list.push(attribute);
        Ok(())
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        for &attribute in &self.list {
            // SAFETY: made by CreateOpAttr, released once.
            unsafe { (self.api.table().ReleaseOpAttr)(attribute) };
        }
    }
}

/// What an inner kernel reads. As ONNX Runtime takes it, so that a list of them needs no other form.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Operand<'a> {
    value: *const ort_sys::OrtValue,
    tensor: PhantomData<&'a ()>,
}

impl<'a> Operand<'a> {
    pub(crate) const ABSENT: Operand<'static> = Operand { value: std::ptr::null(), tensor: PhantomData };

    /// An input of the running node, as it is.
    pub(crate) fn input(tensor: &'a TensorRef<'_>) -> Self {
        Operand { value: tensor.value, tensor: PhantomData }
    }

    /// Memory of our own.
    pub(crate) fn scratch(scratch: &'a Scratch<'_>) -> Self {
        Operand { value: scratch.value, tensor: PhantomData }
    }
}

/// What an inner kernel writes; like [`Operand`].
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Target<'a> {
    value: *mut ort_sys::OrtValue,
    tensor: PhantomData<&'a ()>,
}

impl<'a> Target<'a> {
    /// An output of the running node, in place.
    pub(crate) fn output(output: &'a OutputRef<'_>) -> Self {
        Target { value: output.value, tensor: PhantomData }
    }

    /// Memory of our own.
    pub(crate) fn scratch(scratch: &'a Scratch<'_>) -> Self {
        Target { value: scratch.value, tensor: PhantomData }
    }
}
