//! Keeps the library loaded: ONNX Runtime unloads an operator library with its last session, while this one's devices and
//! copying threads live as long as the process. On Linux a link option does it (`build.rs`).

/// Makes unloading this library have no effect. Called when it registers; once would do.
#[cfg(windows)]
pub(super) fn stay_loaded() {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    let mut module = std::ptr::null_mut();
    // SAFETY: with FROM_ADDRESS the name is any address inside the module.
    let found = unsafe { GetModuleHandleExW(flags, stay_loaded as *const u16, &mut module) };
    if found == 0 {
        tracing::warn!(target: crate::logging::TARGET, "the library could not be kept loaded");
    }
}

/// Makes unloading this library have no effect. Called when it registers; once would do.
#[cfg(target_os = "macos")]
pub(super) fn stay_loaded() {
    // SAFETY: `dladdr` fills `info` where it returns nonzero, with the path that this image was loaded from.
    let kept = unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        libc::dladdr(stay_loaded as *const libc::c_void, &mut info) != 0
            && !libc::dlopen(info.dli_fname, libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE).is_null()
    };
    if !kept {
        tracing::warn!(target: crate::logging::TARGET, "the library could not be kept loaded");
    }
}

/// Nothing to do: a link option keeps the library loaded.
#[cfg(not(any(windows, target_os = "macos")))]
pub(super) fn stay_loaded() {}
