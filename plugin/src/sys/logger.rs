//! ONNX Runtime's loggers: of a session while a kernel is created, of a run while it computes.

use std::cell::Cell;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use ort::sys as ort_sys;

use super::api::{Api, status_text};

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Verbose,
    Info,
    Warning,
    Error,
}

#[derive(Clone, Copy)]
struct Handle {
    api: Api,
    logger: *const ort_sys::OrtLogger,
    threshold: Option<Severity>,
}

impl Handle {
    fn takes(self, severity: Severity) -> bool {
        self.threshold.is_some_and(|threshold| severity >= threshold)
    }
}

thread_local! {
    /// The logger of the ONNX Runtime call that this thread is in.
    static CURRENT: Cell<Option<Handle>> = const { Cell::new(None) };
}

/// A logger, for as long as the call lasts that gave it.
#[derive(Clone, Copy)]
pub(crate) struct Logger<'a> {
    handle: Handle,
    call: PhantomData<&'a ()>,
}

impl Logger<'_> {
    /// # Safety
    /// `logger` is null or a logger of this runtime that lives as long as the result's lifetime says.
    pub(super) unsafe fn new(api: Api, logger: *const ort_sys::OrtLogger) -> Option<Self> {
        if logger.is_null() {
            return None;
        }
        let mut level = MaybeUninit::<ort_sys::OrtLoggingLevel>::uninit();
        call!(api, Logger_GetLoggingSeverityLevel(logger, level.as_mut_ptr())).ok()?;
        // SAFETY: written by the successful call; read as an integer as a newer runtime may know more levels.
        let threshold = match unsafe { level.as_ptr().cast::<i32>().read() } {
            ..=0 => Some(Severity::Verbose),
            1 => Some(Severity::Info),
            2 => Some(Severity::Warning),
            3 => Some(Severity::Error),
            _ => None,
        };
        Some(Logger { handle: Handle { api, logger, threshold }, call: PhantomData })
    }

    /// Tells the loggers of living sessions apart.
    pub(crate) fn identity(self) -> usize {
        self.handle.logger.addr()
    }

    /// Whether a line of this severity would be written.
    pub(crate) fn takes(self, severity: Severity) -> bool {
        self.handle.takes(severity)
    }

    /// Makes this the logger of the thread while `body` runs.
    pub(crate) fn scope<T>(self, body: impl FnOnce() -> T) -> T {
        struct Restore(Option<Handle>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _restore = Restore(CURRENT.replace(Some(self.handle)));
        body()
    }
}

/// Whether a line of this severity would be written by the thread's logger.
pub(crate) fn enabled(severity: Severity) -> bool {
    CURRENT.get().is_some_and(|handle| handle.takes(severity))
}

/// Writes one line to the thread's logger. A failure to log has nowhere to go and is dropped.
pub(crate) fn write(severity: Severity, message: &str, file: &str, line: u32, function: &str) {
    let Some(handle) = CURRENT.get() else { return };
    let level = match severity {
        Severity::Verbose => ort_sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_VERBOSE,
        Severity::Info => ort_sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_INFO,
        Severity::Warning => ort_sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING,
        Severity::Error => ort_sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_ERROR,
    };
    let (message, function) = (status_text(message), status_text(function));
    #[cfg(windows)]
    let file: Vec<u16> = file.encode_utf16().filter(|&unit| unit != 0).chain([0]).collect();
    #[cfg(not(windows))]
    let file = status_text(file);
    let line = c_int::try_from(line).unwrap_or(0);
    let _ = call!(
        handle.api,
        Logger_LogMessage(handle.logger, level, message.as_ptr(), file.as_ptr(), line, function.as_ptr())
    );
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::ffi::{CStr, c_char};

    use super::*;

    thread_local! {
        static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    unsafe extern "system" fn record(
        _logger: *const ort_sys::OrtLogger,
        level: ort_sys::OrtLoggingLevel,
        message: *const c_char,
        _file: *const ort_sys::os_char,
        _line: c_int,
        _function: *const c_char,
    ) -> ort_sys::OrtStatusPtr {
        // SAFETY: `write` passes a C string.
        let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
        LINES.with_borrow_mut(|lines| lines.push(format!("{}: {message}", level as i32)));
        ort_sys::OrtStatusPtr::default()
    }

    unsafe extern "system" fn warnings_and_worse(
        _logger: *const ort_sys::OrtLogger,
        level: *mut ort_sys::OrtLoggingLevel,
    ) -> ort_sys::OrtStatusPtr {
        // SAFETY: `Logger::new` passes a place for the level.
        unsafe { level.write(ort_sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING) };
        ort_sys::OrtStatusPtr::default()
    }

    /// What a logger that takes warnings and worse is given while `body` runs with it: "severity: message".
    pub(crate) fn recorded(body: impl FnOnce(Option<Logger<'_>>)) -> Vec<String> {
        static TABLE: ort_sys::OrtApi = ort_sys::OrtApi {
            Logger_LogMessage: record,
            Logger_GetLoggingSeverityLevel: warnings_and_worse,
            ..ort_sys::stub::api()
        };
        // SAFETY: the table is static and complete, and its functions do not look at the logger.
        body(unsafe { Logger::new(Api::from_table(&TABLE), std::ptr::dangling()) });
        LINES.take()
    }

    #[test]
    fn lines_go_to_the_innermost_logger_and_nowhere_outside() {
        let lines = recorded(|logger| {
            assert!(!enabled(Severity::Error));
            write(Severity::Error, "outside", "f", 1, "t");
            logger.unwrap().scope(|| {
                logger.unwrap().scope(|| write(Severity::Error, "inner", "f", 1, "t"));
                assert!(enabled(Severity::Warning) && !enabled(Severity::Info));
                write(Severity::Warning, "outer\0", "f\0", u32::MAX, "t\0");
            });
            assert!(!enabled(Severity::Error));
        });
        assert_eq!(lines, ["3: inner", "2: outer\u{fffd}"]);
    }
}
