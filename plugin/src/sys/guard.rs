//! The panic guard around every C entry point.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::failure::{Code, Failure};

/// Runs `body`; a panic inside it becomes a failure that carries the panic's message.
///
/// `AssertUnwindSafe` holds because what a body leaves half-done is never seen again: kernels keep their shared state
/// behind locks that recover from poisoning, and everything else is dropped with the panic.
pub(super) fn guard<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        Err(Failure::new(
            Code::RuntimeException,
            format!("ort-webgpu-attention: internal error, please report it; received panic: {}", text(&*payload)),
        ))
    })
}

fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_failures() {
        let failure = guard::<()>(|| panic!("row {} is missing", 3)).unwrap_err();
        assert_eq!(failure.code, Code::RuntimeException);
        assert!(failure.message.ends_with("panic: row 3 is missing"), "{failure}");
        let failure = guard::<()>(|| std::panic::panic_any(7)).unwrap_err();
        assert!(failure.message.ends_with("(no message)"), "{failure}");
        assert_eq!(guard(|| Ok(5)), Ok(5));
    }
}
