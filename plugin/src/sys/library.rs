//! Registration: the custom-op domains of this library, and adding them to session options.

use std::ffi::{CStr, CString, c_int};
use std::sync::{Mutex, PoisonError};

use ort::sys as ort_sys;

use super::api::Api;
use super::failure::{Code, Failure};
use super::operator::{Operator, OperatorObject};

/// Marks session options that have the operators already: ONNX Runtime refuses a second kernel for the same types.
const MARKER: &CStr = c"ort_webgpu_attention.registered";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A custom-op domain under construction, for one runtime.
pub(crate) struct RegisteredOperators {
    api: Api,
    domain: *mut ort_sys::OrtCustomOpDomain,
}

/// Domain of each runtime in the process, by the address of its table. Sessions keep pointers to a domain and to the
/// operators in it, so neither is ever freed.
static DOMAINS: Mutex<Vec<(usize, SharedDomain)>> = Mutex::new(Vec::new());

#[derive(Clone, Copy)]
struct SharedDomain(*mut ort_sys::OrtCustomOpDomain);

// SAFETY: a domain is only read after it is built.
unsafe impl Send for SharedDomain {}

impl RegisteredOperators {
    /// Adds an operator.
    pub(crate) fn add(&mut self, operator: impl Operator) -> Result<(), Failure> {
        let object = Box::leak(Box::new(OperatorObject::new(self.api, operator)));
        call!(self.api, CustomOpDomain_Add(self.domain, object.table()))
    }
}

/// Adds the operators that `build` puts into `domain` to `options`, once.
///
/// # Safety
/// `options` are session options of this runtime that no other thread uses meanwhile.
pub(super) unsafe fn register(
    api: Api,
    options: *mut ort_sys::OrtSessionOptions,
    domain: &CStr,
    build: impl FnOnce(&mut RegisteredOperators) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if options.is_null() {
        return Err(Failure::new(Code::InvalidArgument, "RegisterCustomOps needs session options; received null"));
    }
    if let Some(version) = registered_version(api, options)? {
        return match version == VERSION {
            true => Ok(()),
            false => Err(Failure::new(
                Code::InvalidArgument,
                format!("session options take one version of ort-webgpu-attention; received {VERSION} after {version}"),
            )),
        };
    }
    let shared = {
        // A panic while building leaves no entry behind, so a poisoned list is whole.
        let mut domains = DOMAINS.lock().unwrap_or_else(PoisonError::into_inner);
        match domains.iter().find(|(address, _)| *address == api.address()) {
            Some((_, shared)) => *shared,
            None => {
                let mut pointer = std::ptr::null_mut();
                call!(api, CreateCustomOpDomain(domain.as_ptr(), &mut pointer))?;
                build(&mut RegisteredOperators { api, domain: pointer })?;
                domains.push((api.address(), SharedDomain(pointer)));
                SharedDomain(pointer)
            }
        }
    };
    call!(api, AddCustomOpDomain(options, shared.0))?;
    let version = CString::new(VERSION).unwrap_or_default();
    call!(api, AddSessionConfigEntry(options, MARKER.as_ptr(), version.as_ptr()))
}

/// Which version of this library `options` have, if any.
fn registered_version(api: Api, options: *mut ort_sys::OrtSessionOptions) -> Result<Option<String>, Failure> {
    let mut present: c_int = 0;
    call!(api, HasSessionConfigEntry(options, MARKER.as_ptr(), &mut present))?;
    if present == 0 {
        return Ok(None);
    }
    read_string!(api, GetSessionConfigEntry(options, MARKER.as_ptr())).map(Some)
}
