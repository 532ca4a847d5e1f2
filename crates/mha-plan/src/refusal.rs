//! [`Refusal`]: why a problem can't be planned on a device.

use std::fmt;

/// A problem that this device can't run: the rule, then what was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    why: String,
}

impl Refusal {
    pub(crate) fn new(why: impl Into<String>) -> Refusal {
        Refusal { why: why.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refusal {}
