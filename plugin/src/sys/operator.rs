//! [`Operator`] and [`Kernel`], and the function table through which ONNX Runtime calls them.

use std::ffi::{CStr, c_char, c_int, c_void};

use ort::sys as ort_sys;

use super::api::{API_VERSION, Api};
use super::compute::ComputeContext;
use super::failure::Failure;
use super::guard::guard;
use super::kernel_info::KernelInfo;
use super::shape_inference::ShapeInference;
use super::tensor::Element;

/// An input or output of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    /// `None` takes what the model states.
    pub(crate) element: Option<Element>,
    pub(crate) optional: bool,
}

/// An operator for one choice of element types. Several with one name share a schema, so they must agree in
/// everything but types.
pub(crate) trait Operator: Send + Sync + 'static {
    type Kernel: Kernel;

    fn name(&self) -> &'static CStr;
    /// The opset version of its domain that it implements.
    fn version(&self) -> u16;
    fn inputs(&self) -> &[Port];
    fn outputs(&self) -> &[Port];
    /// Makes the kernel of one node of a session. Messages of failures, here and of the kernel, get the node's name in
    /// front.
    fn create_kernel(&self, info: &KernelInfo<'_>) -> Result<Self::Kernel, Failure>;
    /// States what can be known of the output shapes. Called on the first operator of a name, whatever the node's types.
    fn infer_shapes(&self, context: &mut ShapeInference<'_>) -> Result<(), Failure>;
}

/// The kernel of one node. ONNX Runtime calls it from several threads at once, hence `&self` and `Sync`.
pub(crate) trait Kernel: Send + Sync + 'static {
    fn compute(&self, context: &ComputeContext<'_>) -> Result<(), Failure>;
}

/// An operator as ONNX Runtime sees it: the table comes first, so that a pointer to it is a pointer to the whole.
#[repr(C)]
pub(super) struct OperatorObject<O> {
    table: ort_sys::OrtCustomOp,
    api: Api,
    operator: O,
}

/// A kernel as ONNX Runtime sees it.
struct KernelObject<K> {
    api: Api,
    /// How messages name the node.
    title: String,
    kernel: K,
}

impl<O: Operator> OperatorObject<O> {
    pub(super) fn new(api: Api, operator: O) -> Self {
        let table = ort_sys::OrtCustomOp {
            version: API_VERSION,
            CreateKernel: None,
            GetName: Some(get_name::<O>),
            GetExecutionProviderType: Some(get_execution_provider),
            GetInputType: Some(get_input_type::<O>),
            GetInputTypeCount: Some(get_input_count::<O>),
            GetOutputType: Some(get_output_type::<O>),
            GetOutputTypeCount: Some(get_output_count::<O>),
            KernelCompute: None,
            KernelDestroy: Some(destroy_kernel::<O>),
            GetInputCharacteristic: Some(get_input_characteristic::<O>),
            GetOutputCharacteristic: Some(get_output_characteristic::<O>),
            GetInputMemoryType: Some(get_input_memory_type),
            GetVariadicInputMinArity: Some(variadic_number),
            GetVariadicInputHomogeneity: Some(variadic_number),
            GetVariadicOutputMinArity: Some(variadic_number),
            GetVariadicOutputHomogeneity: Some(variadic_number),
            CreateKernelV2: Some(create_kernel::<O>),
            KernelComputeV2: Some(compute::<O>),
            InferOutputShapeFn: Some(infer_shapes::<O>),
            GetStartVersion: Some(get_version::<O>),
            GetEndVersion: Some(get_version::<O>),
            GetMayInplace: None,
            ReleaseMayInplace: None,
            GetAliasMap: None,
            ReleaseAliasMap: None,
        };
        OperatorObject { table, api, operator }
    }

    pub(super) fn table(&self) -> *const ort_sys::OrtCustomOp {
        std::ptr::from_ref(self).cast()
    }
}

/// # Safety
/// `op` points to the table inside a living `OperatorObject<O>`.
unsafe fn object<'a, O>(op: *const ort_sys::OrtCustomOp) -> &'a OperatorObject<O> {
    // SAFETY: the table is the first field of a `repr(C)` struct.
    unsafe { &*op.cast() }
}

// SAFETY of the functions below: ONNX Runtime passes back the tables, kernels and contexts that it was given or that
// it made, as `OrtCustomOp` documents. Those that return no status cannot panic.

unsafe extern "system" fn create_kernel<O: Operator>(
    op: *const ort_sys::OrtCustomOp,
    _api: *const ort_sys::OrtApi,
    info: *const ort_sys::OrtKernelInfo,
    kernel: *mut *mut c_void,
) -> ort_sys::OrtStatusPtr {
    let object = unsafe { object::<O>(op) };
    let info = unsafe { KernelInfo::new(object.api, info) };
    let node = info.node_name().unwrap_or_default();
    let title = format!("{} node '{node}'", object.operator.name().to_string_lossy());
    let outcome = guard(|| object.operator.create_kernel(&info)).map_err(|failure| failure.within(&title));
    object.api.status(outcome.map(|created| {
        let created = Box::new(KernelObject { api: object.api, title, kernel: created });
        unsafe { kernel.write(Box::into_raw(created).cast()) };
    }))
}

unsafe extern "system" fn compute<O: Operator>(
    kernel: *mut c_void,
    context: *mut ort_sys::OrtKernelContext,
) -> ort_sys::OrtStatusPtr {
    let object = unsafe { &*kernel.cast_const().cast::<KernelObject<O::Kernel>>() };
    let outcome = guard(|| {
        let context = unsafe { ComputeContext::new(object.api, context) };
        object.kernel.compute(&context)
    });
    object.api.status(outcome.map_err(|failure| failure.within(&object.title)))
}

unsafe extern "system" fn destroy_kernel<O: Operator>(kernel: *mut c_void) {
    if !kernel.is_null() {
        let object = unsafe { Box::from_raw(kernel.cast::<KernelObject<O::Kernel>>()) };
        // Nobody can be told of a panic in a destructor.
        let _ = guard(|| {
            drop(object);
            Ok(())
        });
    }
}

unsafe extern "system" fn infer_shapes<O: Operator>(
    op: *const ort_sys::OrtCustomOp,
    context: *mut ort_sys::OrtShapeInferContext,
) -> ort_sys::OrtStatusPtr {
    let object = unsafe { object::<O>(op) };
    let outcome = guard(|| {
        let mut context = unsafe { ShapeInference::new(object.api, context) };
        object.operator.infer_shapes(&mut context)
    });
    object.api.status(outcome)
}

unsafe extern "system" fn get_name<O: Operator>(op: *const ort_sys::OrtCustomOp) -> *const c_char {
    unsafe { object::<O>(op) }.operator.name().as_ptr()
}

unsafe extern "system" fn get_version<O: Operator>(op: *const ort_sys::OrtCustomOp) -> c_int {
    c_int::from(unsafe { object::<O>(op) }.operator.version())
}

unsafe extern "system" fn get_execution_provider(_op: *const ort_sys::OrtCustomOp) -> *const c_char {
    // Null is the CPU provider: tensors are in host memory.
    std::ptr::null()
}

unsafe extern "system" fn get_input_count<O: Operator>(op: *const ort_sys::OrtCustomOp) -> usize {
    unsafe { object::<O>(op) }.operator.inputs().len()
}

unsafe extern "system" fn get_output_count<O: Operator>(op: *const ort_sys::OrtCustomOp) -> usize {
    unsafe { object::<O>(op) }.operator.outputs().len()
}

unsafe extern "system" fn get_input_type<O: Operator>(
    op: *const ort_sys::OrtCustomOp,
    index: usize,
) -> ort_sys::ONNXTensorElementDataType {
    element_type(unsafe { object::<O>(op) }.operator.inputs(), index)
}

unsafe extern "system" fn get_output_type<O: Operator>(
    op: *const ort_sys::OrtCustomOp,
    index: usize,
) -> ort_sys::ONNXTensorElementDataType {
    element_type(unsafe { object::<O>(op) }.operator.outputs(), index)
}

unsafe extern "system" fn get_input_characteristic<O: Operator>(
    op: *const ort_sys::OrtCustomOp,
    index: usize,
) -> ort_sys::OrtCustomOpInputOutputCharacteristic {
    characteristic(unsafe { object::<O>(op) }.operator.inputs(), index)
}

unsafe extern "system" fn get_output_characteristic<O: Operator>(
    op: *const ort_sys::OrtCustomOp,
    index: usize,
) -> ort_sys::OrtCustomOpInputOutputCharacteristic {
    characteristic(unsafe { object::<O>(op) }.operator.outputs(), index)
}

unsafe extern "system" fn get_input_memory_type(
    _op: *const ort_sys::OrtCustomOp,
    _index: usize,
) -> ort_sys::OrtMemType {
    ort_sys::OrtMemType::OrtMemTypeDefault
}

unsafe extern "system" fn variadic_number(_op: *const ort_sys::OrtCustomOp) -> c_int {
    // No port is variadic.
    1
}

fn element_type(ports: &[Port], index: usize) -> ort_sys::ONNXTensorElementDataType {
    ports.get(index).and_then(|port| port.element).unwrap_or(Element::Other(0)).to_raw()
}

fn characteristic(ports: &[Port], index: usize) -> ort_sys::OrtCustomOpInputOutputCharacteristic {
    match ports.get(index) {
        Some(port) if !port.optional => ort_sys::OrtCustomOpInputOutputCharacteristic::INPUT_OUTPUT_REQUIRED,
        _ => ort_sys::OrtCustomOpInputOutputCharacteristic::INPUT_OUTPUT_OPTIONAL,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;
    use crate::sys::failure::Code;

    /// A function table whose status functions work and whose others report that they are not implemented.
    fn api() -> Api {
        static TABLE: ort_sys::OrtApi = ort_sys::stub::api();
        // SAFETY: the table is static and complete.
        unsafe { Api::from_table(&TABLE) }
    }

    /// Panics wherever ONNX Runtime calls it with the name of the call, or not at all.
    struct Panicking {
        at: &'static str,
    }

    impl Panicking {
        fn reach(&self, call: &str) {
            assert!(self.at != call, "reached {call}");
        }
    }

    impl Operator for Panicking {
        type Kernel = Panicking;

        fn name(&self) -> &'static CStr {
            c"Panicking"
        }

        fn version(&self) -> u16 {
            3
        }

        fn inputs(&self) -> &[Port] {
            &[Port { element: Some(Element::Int32), optional: false }, Port { element: None, optional: true }]
        }

        fn outputs(&self) -> &[Port] {
            &[]
        }

        fn create_kernel(&self, _info: &KernelInfo<'_>) -> Result<Panicking, Failure> {
            self.reach("create");
            Ok(Panicking { at: self.at })
        }

        fn infer_shapes(&self, _context: &mut ShapeInference<'_>) -> Result<(), Failure> {
            self.reach("infer");
            Ok(())
        }
    }

    impl Kernel for Panicking {
        fn compute(&self, _context: &ComputeContext<'_>) -> Result<(), Failure> {
            self.reach("compute");
            Ok(())
        }
    }

    impl Drop for Panicking {
        fn drop(&mut self) {
            // The operator itself is never dropped; only a kernel reaches this.
            self.reach("destroy");
        }
    }

    /// What the C entries give for an operator that panics at `at`: create, infer, compute.
    fn call_all(at: &'static str) -> [Result<(), Failure>; 3] {
        let object = Box::leak(Box::new(OperatorObject::new(api(), Panicking { at })));
        let table = object.table();
        let mut kernel = std::ptr::null_mut();
        // SAFETY: as ONNX Runtime calls it; the contexts are only looked at by an operator that does not exist here.
        unsafe {
            let entries = &*table;
            let create = entries.CreateKernelV2.unwrap();
            let created = api().check(create(table, std::ptr::null(), std::ptr::null(), &mut kernel));
            let inferred = api().check(entries.InferOutputShapeFn.unwrap()(table, std::ptr::null_mut()));
            let computed = match created {
                Ok(()) => api().check(entries.KernelComputeV2.unwrap()(kernel, std::ptr::null_mut())),
                Err(_) => Ok(()),
            };
            entries.KernelDestroy.unwrap()(kernel);
            [created, inferred, computed]
        }
    }

    #[test]
    fn no_panic_crosses_an_entry() {
        for (position, at) in ["create", "infer", "compute"].into_iter().enumerate() {
            for (entry, outcome) in call_all(at).into_iter().enumerate() {
                if entry == position {
                    let failure = outcome.unwrap_err();
                    assert_eq!(failure.code, Code::RuntimeException);
                    assert!(failure.message.ends_with(&format!("reached {at}")), "{failure}");
                    assert_eq!(failure.message.starts_with("Panicking node '': "), at != "infer", "{failure}");
                } else {
                    assert_eq!(outcome, Ok(()), "panic at {at}, entry {entry}");
                }
            }
        }
        assert_eq!(call_all("destroy"), [Ok(()), Ok(()), Ok(())]);
        assert_eq!(call_all("nowhere"), [Ok(()), Ok(()), Ok(())]);
    }

    #[test]
    fn the_table_states_the_ports() {
        let object = OperatorObject::new(api(), Panicking { at: "nowhere" });
        let table = object.table();
        // SAFETY: as ONNX Runtime calls it.
        unsafe {
            let entries = &*table;
            let name = CStr::from_ptr(entries.GetName.unwrap()(table));
            assert_eq!(name.to_owned(), CString::from(c"Panicking"));
            assert_eq!(entries.GetStartVersion.unwrap()(table), 3);
            assert_eq!(entries.GetEndVersion.unwrap()(table), 3);
            assert_eq!(entries.GetInputTypeCount.unwrap()(table), 2);
            assert_eq!(entries.GetOutputTypeCount.unwrap()(table), 0);
            let input_type = entries.GetInputType.unwrap();
            assert_eq!(input_type(table, 0), Element::Int32.to_raw());
            assert_eq!(input_type(table, 1), Element::Other(0).to_raw());
            assert_eq!(input_type(table, 9), Element::Other(0).to_raw());
            let characteristic = entries.GetInputCharacteristic.unwrap();
            use ort_sys::OrtCustomOpInputOutputCharacteristic as Characteristic;
            assert_eq!(characteristic(table, 0), Characteristic::INPUT_OUTPUT_REQUIRED);
            assert_eq!(characteristic(table, 1), Characteristic::INPUT_OUTPUT_OPTIONAL);
        }
    }
}
