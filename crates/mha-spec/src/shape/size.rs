//! Rules on magnitude: what the operator's int32 sizes and this machine's addresses can hold.

use super::InputShapes;
use crate::error::SpecError;
use crate::problem::{AttentionProblem, PaddingMask, Past};

/// Largest length or dimension: the operator computes sizes in int32.
const MAX_DIMENSION: u64 = i32::MAX as u64;

/// Largest tensor in bytes.
const MAX_BYTES: u64 = isize::MAX as u64;

/// Every dimension is from 0 to 2^31 - 1. past_sequence_length is left out: it may be ignored, whatever its shape.
pub(super) fn dimensions_in_range(shapes: &InputShapes<'_>) -> Result<(), SpecError> {
    let inputs = [
        ("query", Some(shapes.query)),
        ("key", shapes.key),
        ("value", shapes.value),
        ("bias", shapes.bias),
        ("key_padding_mask", shapes.key_padding_mask),
        ("attention_bias", shapes.attention_bias),
        ("past_key", shapes.past_key),
        ("past_value", shapes.past_value),
        ("cache_indirection", shapes.cache_indirection),
    ];
    for (input, shape) in inputs {
        let got = shape.unwrap_or_default();
        if got.iter().any(|&dim| !u64::try_from(dim).is_ok_and(|dim| dim <= MAX_DIMENSION)) {
            return Err(SpecError::DimensionRange { input, got: got.into() });
        }
    }
    Ok(())
}

/// T = P + L is within int32.
pub(super) fn total_len(past: Past, kv_len: u32) -> Result<u32, SpecError> {
    let past_len = match past {
        Past::None => 0,
        Past::Growing { len } | Past::Shared { len, .. } => len,
    };
    let total = u64::from(past_len) + u64::from(kv_len);
    within("keys, past and new ones together,", MAX_DIMENSION, [total]).map(|()| total as u32)
}

/// Every tensor of the problem fits in memory, and (batch, head, query row) triples can be counted in 32 bits.
pub(super) fn addressable(problem: &AttentionProblem) -> Result<(), SpecError> {
    let p = problem;
    let [batch, heads, q_len, kv_len] = [p.batch, p.num_heads, p.q_len, p.kv_len].map(u64::from);
    let [head_size, v_head_size] = [p.head_size, p.v_head_size].map(u64::from);
    let [total_len, present_len, capacity] = [p.total_len(), p.present_len(), p.past_capacity()].map(u64::from);
    let dtype = p.dtype.size();
    within("rows of all heads (batch * num_heads * q_len)", u64::from(u32::MAX), [batch, heads, q_len])?;
    within("bytes of query", MAX_BYTES, [batch, heads, q_len, head_size, dtype])?;
    within("bytes of key", MAX_BYTES, [batch, heads, kv_len, head_size, dtype])?;
    within("bytes of value", MAX_BYTES, [batch, heads, kv_len, v_head_size, dtype])?;
    within("bytes of past_key", MAX_BYTES, [batch, heads, capacity, head_size, dtype])?;
    within("bytes of output", MAX_BYTES, [batch, heads, q_len, v_head_size, dtype])?;
    within("bytes of present_key", MAX_BYTES, [batch, heads, present_len, head_size, dtype])?;
    within("bytes of present_value", MAX_BYTES, [batch, heads, present_len, v_head_size, dtype])?;
    if p.padding_mask == PaddingMask::QueryKeys {
        within("bytes of key_padding_mask", MAX_BYTES, [batch, q_len, total_len, 4])?;
    }
    if let Some(bias) = p.attention_bias {
        let [batch, heads] = [bias.batch, bias.heads].map(u64::from);
        within("bytes of attention_bias", MAX_BYTES, [batch, heads, q_len, total_len, dtype])?;
    }
    if let Some(qk) = p.qk {
        within("bytes of qk", MAX_BYTES, [batch, heads, q_len, total_len, qk.size()])?;
    }
    Ok(())
}

/// The product of `factors`, each below 2^32, is at most `limit`. Saturates, where it can't be held, at a value no limit
/// reaches.
fn within<const N: usize>(what: &'static str, limit: u64, factors: [u64; N]) -> Result<(), SpecError> {
    let empty = factors.contains(&0);
    let got = if empty { 0 } else { factors.iter().fold(1u128, |product, &f| product.saturating_mul(u128::from(f))) };
    if got <= u128::from(limit) { Ok(()) } else { Err(SpecError::TooLarge { what, limit, got }) }
}
