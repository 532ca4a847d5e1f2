//! [`Failure`]: an error on its way into an `OrtStatus`.

use std::fmt;

use ort::sys::OrtErrorCode;

/// Status codes that this library gives or tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Anything without a code of its own.
    Fail,
    /// Inputs that break a rule of the operator.
    InvalidArgument,
    /// Broken at run time through no fault of the inputs.
    RuntimeException,
    /// Valid, but not supported.
    NotImplemented,
    /// The model is wrong whatever the inputs are.
    InvalidGraph,
}

impl Code {
    /// The code of a status; codes without a name here are [`Code::Fail`].
    pub(super) fn from_raw(raw: i32) -> Code {
        [Code::InvalidArgument, Code::RuntimeException, Code::NotImplemented, Code::InvalidGraph]
            .into_iter()
            .find(|code| code.to_raw() as i32 == raw)
            .unwrap_or(Code::Fail)
    }

    pub(super) fn to_raw(self) -> OrtErrorCode {
        match self {
            Code::Fail => OrtErrorCode::ORT_FAIL,
            Code::InvalidArgument => OrtErrorCode::ORT_INVALID_ARGUMENT,
            Code::RuntimeException => OrtErrorCode::ORT_RUNTIME_EXCEPTION,
            Code::NotImplemented => OrtErrorCode::ORT_NOT_IMPLEMENTED,
            Code::InvalidGraph => OrtErrorCode::ORT_INVALID_GRAPH,
        }
    }
}

/// A status code with its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl fmt::Display) -> Failure {
        Failure { code, message: message.to_string() }
    }

    /// The same failure with `context` in front of its message.
    pub(crate) fn within(self, context: impl fmt::Display) -> Failure {
        Failure { code: self.code, message: format!("{context}: {}", self.message) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_the_round_trip() {
        for code in
            [Code::Fail, Code::InvalidArgument, Code::RuntimeException, Code::NotImplemented, Code::InvalidGraph]
        {
            assert_eq!(Code::from_raw(code.to_raw() as i32), code);
        }
        assert_eq!(Code::from_raw(9_999), Code::Fail);
    }
}
