//! The library's C entry points.

use std::ffi::{CStr, c_char};

use ort::sys as ort_sys;

use super::api::{Api, status_text};
use super::failure::{Code, Failure};
use super::guard::guard;
use super::library::register;
use super::pin;
use crate::{describe, ops};

/// Registers the operators of this library with session options. ONNX Runtime looks it up by name when the library is
/// given to `RegisterCustomOpsLibrary`.
///
/// Returns null, or a status that the caller owns: the runtime is older than 1.24, or registration failed. Calling it
/// again for the same options changes nothing.
///
/// # Safety
/// `base` is the `OrtApiBase` of a loaded ONNX Runtime, `options` are session options of it that no other thread uses
/// meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RegisterCustomOps(
    options: *mut ort_sys::OrtSessionOptions,
    base: *const ort_sys::OrtApiBase,
) -> ort_sys::OrtStatusPtr {
    // SAFETY: by the contract of this function.
    let api = match unsafe { Api::from_base(base) } {
        Ok(api) => api,
        Err(status) => return status,
    };
    pin::stay_loaded();
    // SAFETY: as above.
    api.status(guard(|| unsafe { register(api, options, ops::DOMAIN, ops::register_all) }))
}

/// Whether path `auto` is measuring kernels in this process: 1 while it is, else 0. A host that takes times waits until it is done.
#[unsafe(no_mangle)]
pub extern "C" fn ort_webgpu_attention_is_measuring() -> i32 {
    // A panic would say nothing of what was asked.
    guard(|| Ok(mha_auto::is_measuring())).map_or(0, i32::from)
}

/// Describes the adapter that a selector picks, in one line of UTF-8.
///
/// `selector` is a value of the session option `adapter`; null is its default. At most `capacity` bytes are written to
/// `buffer`, the NUL at the end included; a longer text is cut. A null `buffer` or a `capacity` of 0 only asks for the
/// size.
///
/// Returns the bytes that the whole text needs, its NUL included; the negative of that where no adapter is usable, and
/// the text is then the reason.
///
/// # Safety
/// `selector` is null or a C string; `buffer` is null or has room for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ort_webgpu_attention_describe(
    selector: *const c_char,
    buffer: *mut c_char,
    capacity: usize,
) -> i32 {
    // SAFETY: by the contract of this function.
    let selector = (!selector.is_null()).then(|| unsafe { CStr::from_ptr(selector) });
    let described = guard(|| {
        let selector = selector.map(CStr::to_str).transpose().map_err(|_| {
            Failure::new(Code::InvalidArgument, "the adapter selector must be UTF-8; received other bytes")
        })?;
        describe::adapter(selector).map_err(|reason| Failure::new(Code::Fail, reason))
    });
    let (text, sign) = match described {
        Ok(text) => (text, 1),
        Err(failure) => (failure.message, -1),
    };
    // The text stays one line, whatever a driver calls itself.
    let text = status_text(&text.replace(['\n', '\r'], " "));
    let bytes = text.as_bytes_with_nul();
    if !buffer.is_null() && capacity > 0 {
        let end = text.to_str().map_or(0, |text| text.floor_char_boundary(capacity - 1));
        // SAFETY: `end` bytes and a NUL are within `capacity`.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast(), end);
            buffer.add(end).write(0);
        }
    }
    sign * i32::try_from(bytes.len()).unwrap_or(i32::MAX)
}
