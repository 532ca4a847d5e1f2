//! [`ComputeContext`]: one run of a node, its inputs and its outputs.

use std::marker::PhantomData;

use arrayvec::ArrayVec;
use ort::sys as ort_sys;

use super::api::Api;
use super::failure::{Code, Failure};
use super::logger::Logger;
use super::scratch::Scratch;
use super::tensor::{Memory, TensorRef};

/// Inputs or outputs of a node at the most. Fixed, so that a call allocates nothing to list them.
const MOST_PORTS: usize = 12;

/// One run of a node. ONNX Runtime may have several under way on one kernel.
pub(crate) struct ComputeContext<'a> {
    pub(super) api: Api,
    pub(super) ptr: *mut ort_sys::OrtKernelContext,
    call: PhantomData<&'a ()>,
}

impl<'a> ComputeContext<'a> {
    /// # Safety
    /// `ptr` is the context that ONNX Runtime passed to the call that `'a` stands for.
    pub(super) unsafe fn new(api: Api, ptr: *mut ort_sys::OrtKernelContext) -> Self {
        ComputeContext { api, ptr, call: PhantomData }
    }

    /// The logger of this run.
    pub(crate) fn logger(&self) -> Option<Logger<'_>> {
        let mut logger = std::ptr::null();
        call!(self.api, KernelContext_GetLogger(self.ptr, &mut logger)).ok()?;
        // SAFETY: valid while the run lasts, which outlives the borrow of `self`.
        unsafe { Logger::new(self.api, logger) }
    }

    /// A float32 tensor over data of our own, for an inner kernel to read.
    pub(crate) fn scratch(&self, shape: &[i64], data: Vec<f32>) -> Result<Scratch<'static>, Failure> {
        Scratch::over(self.api, shape, data)
    }

    /// All inputs that the node has, `None` where an optional one is absent.
    #[inline]
    pub(crate) fn inputs(&self) -> Result<Inputs<'_>, Failure> {
        let mut count = 0;
        call!(self.api, KernelContext_GetInputCount(self.ptr, &mut count))?;
        if count > MOST_PORTS {
            return Err(too_many_inputs(count));
        }
        let mut tensors = ArrayVec::new();
        for index in 0..count {
            let mut value = std::ptr::null();
            call!(self.api, KernelContext_GetInput(self.ptr, index, &mut value))?;
            // SAFETY: inputs of a kernel of the CPU provider are tensors in host memory and outlive the run.
            tensors.push(if value.is_null() { None } else { Some(unsafe { TensorRef::new(self.api, value)? }) });
        }
        Ok(Inputs { tensors })
    }

    /// Allocates output `index`, for an inner kernel to write; `None` where the node leaves it out.
    pub(crate) fn output(&self, index: usize, shape: &[i64]) -> Result<Option<OutputRef<'_>>, Failure> {
        let mut value = std::ptr::null_mut();
        call!(self.api, KernelContext_GetOutput(self.ptr, index, shape.as_ptr(), shape.len(), &mut value)).map_err(
            |failure| {
                let rule = format!("output {index} must be allocated by ONNX Runtime; received shape {shape:?}");
                Failure::new(Code::Fail, format!("{rule} ({failure})"))
            },
        )?;
        Ok((!value.is_null()).then_some(OutputRef { value, call: PhantomData }))
    }

    /// Allocates the outputs that have a shape in `shapes`, by index, to be written here. `None`: not wanted, or the node leaves
    /// it out.
    pub(crate) fn outputs(&self, shapes: &[Option<&[i64]>], inputs: &Inputs<'_>) -> Result<Outputs<'_>, Failure> {
        let read = inputs.tensors.iter().flatten().map(TensorRef::memory).collect::<Result<Vec<_>, _>>()?;
        let mut tensors: Vec<Option<OutputTensor>> = Vec::with_capacity(shapes.len());
        for (index, shape) in shapes.iter().enumerate() {
            let output = shape.map_or(Ok(None), |shape| self.output(index, shape))?;
            let Some(OutputRef { value, .. }) = output else {
                tensors.push(None);
                continue;
            };
            // SAFETY: outputs of a kernel of the CPU provider are tensors in host memory and outlive the run.
            let memory = unsafe { TensorRef::new(self.api, value)?.memory()? };
            let shared = read.iter().any(|input| input.overlaps(&memory))
                || tensors.iter().flatten().any(|output| output.memory.overlaps(&memory));
            tensors.push(Some(OutputTensor { memory, shared, copy: Vec::new(), rows: None }));
        }
        Ok(Outputs { tensors, call: PhantomData })
    }
}

#[cold]
fn too_many_inputs(count: usize) -> Failure {
    let rule = format!("a node has {MOST_PORTS} inputs at the most");
    Failure::new(Code::RuntimeException, format!("{rule}; received {count}"))
}

/// The inputs of a run.
pub(crate) struct Inputs<'a> {
    tensors: ArrayVec<Option<TensorRef<'a>>, MOST_PORTS>,
}

impl<'a> Inputs<'a> {
    /// Input `index`, where the node has it.
    pub(crate) fn get(&self, index: usize) -> Option<&TensorRef<'a>> {
        self.tensors.get(index)?.as_ref()
    }

    /// All of them, by index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&TensorRef<'a>>> {
        self.tensors.iter().map(Option::as_ref)
    }
}

/// An output of a run, for an inner kernel to write.
pub(crate) struct OutputRef<'a> {
    pub(super) value: *mut ort_sys::OrtValue,
    call: PhantomData<&'a ()>,
}

/// The outputs of a run.
///
/// A caller may bind one buffer as past and as present. Such an output is written to a copy, which
/// [`Outputs::finish`] moves into place once the inputs are no longer read.
pub(crate) struct Outputs<'a> {
    tensors: Vec<Option<OutputTensor>>,
    call: PhantomData<&'a ()>,
}

struct OutputTensor {
    memory: Memory,
    /// Whether it lies over an input or an earlier output.
    shared: bool,
    /// What was written where `shared`.
    copy: Vec<u8>,
    /// What is to be written alone, and where, in an output that holds all else already.
    rows: Option<Vec<(usize, Vec<u8>)>>,
}

impl OutputTensor {
    fn bytes_mut(&mut self) -> &mut [u8] {
        if self.shared {
            self.copy.resize(self.memory.len, 0);
            return &mut self.copy;
        }
        // SAFETY: the tensor outlives the call that the context stands for, and no other slice covers its memory:
        // it overlaps no input and no earlier output, and a later output over it is written to its copy.
        unsafe { std::slice::from_raw_parts_mut(self.memory.data, self.memory.len) }
    }
}

impl Outputs<'_> {
    /// Index and memory of every output that the node has, but of those that are [written in place](Self::write_in_place).
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut [u8])> {
        let whole = self.tensors.iter_mut().enumerate();
        whole.filter_map(|(index, tensor)| {
            Some((index, tensor.as_mut().filter(|tensor| tensor.rows.is_none())?.bytes_mut()))
        })
    }

    /// Whether output `index` is the same memory as an input, and no other output's.
    pub(crate) fn lies_on(&self, index: usize, input: &TensorRef<'_>) -> Result<bool, Failure> {
        let Some(Some(output)) = self.tensors.get(index) else { return Ok(false) };
        let mut others = self.tensors.iter().enumerate().filter(|(other, _)| *other != index);
        let is_alone =
            others.all(|(_, other)| other.as_ref().is_none_or(|other| !other.memory.overlaps(&output.memory)));
        Ok(is_alone && output.memory.range() == input.memory()?.range())
    }

    /// Has `rows`, each with the byte where it begins, written to an output that holds all else already.
    pub(crate) fn write_in_place(&mut self, index: usize, rows: Vec<(usize, Vec<u8>)>) {
        if let Some(Some(output)) = self.tensors.get_mut(index) {
            output.rows = Some(rows);
        }
    }

    /// Ends the run: puts outputs in place that share memory with an input.
    pub(crate) fn finish(self, inputs: Inputs<'_>) {
        drop(inputs);
        for output in self.tensors.iter().flatten() {
            for (begin, row) in output.rows.iter().flatten() {
                assert!(begin + row.len() <= output.memory.len, "rows end inside their output");
                // SAFETY: inside the tensor, by the line above, over which no slice is left: `inputs` is gone, and with it all that
                // borrowed from it.
                unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), output.memory.data.add(*begin), row.len()) };
            }
        }
        for output in self.tensors.into_iter().flatten().filter(|output| !output.copy.is_empty()) {
            // SAFETY: the copy is as long as the tensor, and no slice over the tensor's memory is left: `inputs` is
            // gone, and with it all that borrowed from it.
            unsafe { std::ptr::copy_nonoverlapping(output.copy.as_ptr(), output.memory.data, output.memory.len) };
        }
    }
}
