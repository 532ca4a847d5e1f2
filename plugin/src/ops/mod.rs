//! The operators of this library: one table.

mod multi_head_attention;

pub(crate) use multi_head_attention::Router;

use std::ffi::CStr;

use mha_spec::DType;

use crate::sys::{Failure, RegisteredOperators};
use multi_head_attention::MultiHeadAttention;

/// Domain of all operators.
pub(crate) const DOMAIN: &CStr = c"com.microsoft";

/// Adds every operator to a runtime's domain.
pub(crate) fn register_all(operators: &mut RegisteredOperators) -> Result<(), Failure> {
    operators.add(MultiHeadAttention::new(DType::F32))?;
    operators.add(MultiHeadAttention::new(DType::F16))
}
