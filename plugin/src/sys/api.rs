//! [`Api`]: the function table of one ONNX Runtime.

use std::ffi::{CStr, CString};

use ort::sys as ort_sys;

use super::failure::{Code, Failure};

/// The C API version this library is written against; ONNX Runtime 1.N offers the versions 1 to N.
pub(crate) const API_VERSION: u32 = ort_sys::ORT_API_VERSION;

/// The function table of the ONNX Runtime that loaded this library. It lives as long as that runtime, which outlives
/// every object it hands out.
#[derive(Clone, Copy)]
pub(crate) struct Api {
    table: &'static ort_sys::OrtApi,
    /// N of the runtime's version 1.N; 0 where it is written in another way.
    minor_version: u32,
}

impl Api {
    /// The table that `base` offers for [`API_VERSION`]; an older runtime gets a status that names both versions.
    ///
    /// # Safety
    /// `base` points to the `OrtApiBase` of a loaded ONNX Runtime.
    pub(super) unsafe fn from_base(base: *const ort_sys::OrtApiBase) -> Result<Api, ort_sys::OrtStatusPtr> {
        // SAFETY: by the contract of this function; the runtime's tables are static.
        unsafe {
            let version = CStr::from_ptr(((*base).GetVersionString)()).to_string_lossy();
            if let Some(table) = ((*base).GetApi)(API_VERSION).as_ref() {
                return Ok(Api { table, minor_version: minor_version(&version) });
            }
            let message = status_text(&format!(
                "ort-webgpu-attention {} needs ONNX Runtime 1.{API_VERSION} or newer; this runtime is {version}",
                env!("CARGO_PKG_VERSION"),
            ));
            // Every runtime offers version 1, whose table begins with CreateStatus. The table is shorter than
            // `OrtApi`, so only that field is read.
            let oldest = ((*base).GetApi)(1);
            Err(((*oldest).CreateStatus)(ort_sys::OrtErrorCode::ORT_FAIL, message.as_ptr()))
        }
    }

    /// A table that a test made.
    ///
    /// # Safety
    /// `table` is valid for [`API_VERSION`] and outlives every use.
    #[cfg(test)]
    pub(super) unsafe fn from_table(table: &'static ort_sys::OrtApi) -> Api {
        Api { table, minor_version: 0 }
    }

    pub(super) fn table(self) -> &'static ort_sys::OrtApi {
        self.table
    }

    /// N of the runtime's version 1.N; 0 where it is written in another way.
    pub(super) fn minor_version(self) -> u32 {
        self.minor_version
    }

    /// Identity of the runtime: two runtimes in one process have two tables.
    pub(super) fn address(self) -> usize {
        std::ptr::from_ref(self.table).addr()
    }

    /// Takes ownership of `status`; null means success.
    #[inline]
    pub(super) fn check(self, status: ort_sys::OrtStatusPtr) -> Result<(), Failure> {
        if status.0.is_null() { Ok(()) } else { Err(self.failure(status)) }
    }

    #[cold]
    fn failure(self, status: ort_sys::OrtStatusPtr) -> Failure {
        let status = status.0;
        // SAFETY: a status from this runtime, released here and nowhere else. The code is read as an integer because
        // a newer runtime may know codes that the Rust enum does not.
        unsafe {
            let get_code: unsafe extern "system" fn(*const ort_sys::OrtStatus) -> i32 =
                std::mem::transmute(self.table.GetErrorCode);
            let code = Code::from_raw(get_code(status));
            let message = CStr::from_ptr((self.table.GetErrorMessage)(status)).to_string_lossy().into_owned();
            (self.table.ReleaseStatus)(status);
            Failure { code, message }
        }
    }

    /// A new status, owned by whoever receives it; null for success.
    pub(super) fn status(self, outcome: Result<(), Failure>) -> ort_sys::OrtStatusPtr {
        match outcome {
            Ok(()) => ort_sys::OrtStatusPtr::default(),
            // SAFETY: CreateStatus copies the text.
            Err(failure) => unsafe {
                (self.table.CreateStatus)(failure.code.to_raw(), status_text(&failure.message).as_ptr())
            },
        }
    }
}

/// N of "1.N.P", 0 for anything else.
pub(super) fn minor_version(version: &str) -> u32 {
    let mut parts = version.split('.');
    let (major, minor) = (parts.next(), parts.next());
    if major == Some("1") { minor.and_then(|minor| minor.parse().ok()).unwrap_or_default() } else { 0 }
}

/// `text` as a C string; a NUL inside would end the message, so it becomes a replacement character.
pub(super) fn status_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// Calls a function of the table that returns a status, and gives `Result<(), Failure>`. The caller vouches for the
/// arguments; what holds at every use: handles come from the same runtime and are alive, and out-pointers are valid.
macro_rules! call {
    ($api:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let api: $crate::sys::Api = $api;
        api.check(unsafe { (api.table().$function)($($argument),*) })
    }};
}

/// Reads a string that ONNX Runtime copies into the caller's buffer: first its size, then its bytes.
macro_rules! read_string {
    ($api:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let mut size = 0usize;
        call!($api, $function($($argument,)* ::std::ptr::null_mut(), &mut size)).and_then(|()| {
            let mut bytes = vec![0u8; size];
            call!($api, $function($($argument,)* bytes.as_mut_ptr().cast(), &mut size))?;
            bytes.truncate(size.saturating_sub(1));
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        })
    }};
}

#[cfg(test)]
mod tests {
    use std::ffi::c_char;

    use super::*;

    static TABLE: ort_sys::OrtApi = ort_sys::stub::api();

    unsafe extern "system" fn api_up_to_23(version: u32) -> *const ort_sys::OrtApi {
        if version <= 23 { &raw const TABLE } else { std::ptr::null() }
    }

    unsafe extern "system" fn api_up_to_31(version: u32) -> *const ort_sys::OrtApi {
        if version <= 31 { &raw const TABLE } else { std::ptr::null() }
    }

    unsafe extern "system" fn version_string() -> *const c_char {
        c"1.23.7".as_ptr()
    }

    #[test]
    fn an_older_runtime_is_told_both_versions() {
        let base = ort_sys::OrtApiBase { GetApi: api_up_to_23, GetVersionString: version_string };
        // SAFETY: the table is static and complete.
        let (status, api) = unsafe { (Api::from_base(&base).err().unwrap(), Api::from_table(&TABLE)) };
        let failure = api.check(status).unwrap_err();
        assert_eq!(failure.code, Code::Fail);
        assert!(failure.message.contains("1.24 or newer"), "{failure}");
        assert!(failure.message.contains("this runtime is 1.23.7"), "{failure}");
    }

    #[test]
    fn a_newer_runtime_is_taken() {
        let base = ort_sys::OrtApiBase { GetApi: api_up_to_31, GetVersionString: version_string };
        // SAFETY: the table is static and complete.
        let api = unsafe { Api::from_base(&base) }.ok().unwrap();
        assert_eq!(api.address(), (&raw const TABLE).addr());
        assert_eq!(api.minor_version(), 23);
    }

    #[test]
    fn versions_that_are_no_release_of_1_have_no_minor_version() {
        let versions = ["1.31.1", "1.24", "1.x.0", "2.3.0", ""];
        assert_eq!(versions.map(minor_version), [31, 24, 0, 0, 0]);
    }

    #[test]
    fn failures_survive_the_round_trip_through_a_status() {
        // SAFETY: the table is static and complete.
        let api = unsafe { Api::from_table(&TABLE) };
        assert_eq!(api.check(api.status(Ok(()))), Ok(()));
        let failure = Failure::new(Code::InvalidArgument, "a\0b");
        let received = api.check(api.status(Err(failure))).unwrap_err();
        assert_eq!(received, Failure::new(Code::InvalidArgument, "a\u{fffd}b"));
    }
}
