//! Rules on what is added: bias to the inputs, key_padding_mask and attention_bias to the scores.

use super::InputShapes;
use super::layout::Sizes;
use crate::error::SpecError;
use crate::problem::{AttentionBias, Layout, PaddingMask, ProjectionBias};

/// bias is (2D + Dv); pre-split keys use its query part only, packed keys forbid it.
pub(super) fn projection_bias(sizes: &Sizes, shapes: &InputShapes<'_>) -> Result<ProjectionBias, SpecError> {
    let Some(bias) = shapes.bias else { return Ok(ProjectionBias::None) };
    if sizes.layout == Layout::PackedKv {
        return Err(SpecError::BiasWithPackedKey { got: bias.into() });
    }
    let &[length] = bias else {
        return Err(SpecError::BiasRank { got: bias.into() });
    };
    let expected = u64::from(sizes.num_heads) * (2 * u64::from(sizes.head_size) + u64::from(sizes.v_head_size));
    if length as u64 != expected {
        return Err(SpecError::BiasLength { expected, got: length });
    }
    Ok(match sizes.layout {
        Layout::PreSplit => ProjectionBias::Query,
        _ => ProjectionBias::QueryKeyValue,
    })
}

/// key_padding_mask is (B), (3B+2), (B,T) or (B,S,T).
pub(super) fn padding_mask(sizes: &Sizes, total_len: u32, shapes: &InputShapes<'_>) -> Result<PaddingMask, SpecError> {
    let Some(mask) = shapes.key_padding_mask else { return Ok(PaddingMask::None) };
    let [batch, q_len, keys] = [sizes.batch, sizes.q_len, total_len].map(i64::from);
    match *mask {
        [length] if length == batch || length == 3 * batch + 2 => Ok(PaddingMask::KeyLengths),
        [b, t] if b == batch && t == keys => Ok(PaddingMask::Keys),
        [b, s, t] if b == batch && s == q_len && t == keys => Ok(PaddingMask::QueryKeys),
        _ => Err(SpecError::PaddingMaskShape { batch: sizes.batch, q_len: sizes.q_len, total_len, got: mask.into() }),
    }
}

/// attention_bias is (B or 1, N or 1, S, T).
pub(super) fn attention_bias(
    sizes: &Sizes,
    total_len: u32,
    shapes: &InputShapes<'_>,
) -> Result<Option<AttentionBias>, SpecError> {
    let Some(bias) = shapes.attention_bias else { return Ok(None) };
    let &[batch, heads, rows, keys] = bias else {
        return Err(SpecError::AttentionBiasRank { got: bias.into() });
    };
    if batch != 1 && batch != i64::from(sizes.batch) {
        return Err(SpecError::AttentionBiasBatch { batch: sizes.batch, got: bias.into() });
    }
    if heads != 1 && heads != i64::from(sizes.num_heads) {
        return Err(SpecError::AttentionBiasHeads { num_heads: sizes.num_heads, got: bias.into() });
    }
    if rows != i64::from(sizes.q_len) {
        return Err(SpecError::AttentionBiasRows { q_len: sizes.q_len, got: bias.into() });
    }
    if keys != i64::from(total_len) {
        return Err(SpecError::AttentionBiasKeys { total_len, got: bias.into() });
    }
    Ok(Some(AttentionBias { batch: batch as u32, heads: heads as u32, batch_divisor: 1 }))
}
