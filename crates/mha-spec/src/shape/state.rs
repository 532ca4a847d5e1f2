//! Rules on the past: growing, shared buffer, beams.

use super::layout::Sizes;
use super::{InputShapes, RequestedOutputs};
use crate::error::SpecError;
use crate::problem::{AttentionProblem, Layout, PaddingMask, Past};

/// past_key and past_value, (B,N,P,H) each: both or neither, growing or, with past_sequence_length, shared.
pub(super) fn past(
    sizes: &Sizes,
    shapes: &InputShapes<'_>,
    past_sequence_length: Option<&[i32]>,
    requested: RequestedOutputs,
) -> Result<Past, SpecError> {
    let (key, value) = match (shapes.past_key, shapes.past_value) {
        (None, None) => return Ok(Past::None),
        (Some(key), Some(value)) => (key, value),
        (Some(got), None) => return Err(SpecError::PastIncomplete { input: "past_key", got: got.into() }),
        (None, Some(got)) => return Err(SpecError::PastIncomplete { input: "past_value", got: got.into() }),
    };
    if matches!(sizes.layout, Layout::PackedKv | Layout::PackedQkv) {
        return Err(SpecError::PastWithPacked { got: key.into() });
    }
    past_tensor(sizes, "past_key", key)?;
    past_tensor(sizes, "past_value", value)?;
    if key[2] != value[2] {
        return Err(SpecError::PastLengths { key: key.into(), value: value.into() });
    }
    if sizes.v_head_size != sizes.head_size {
        return Err(SpecError::PastValueHeadSize { head_size: sizes.head_size, v_head_size: sizes.v_head_size });
    }
    let capacity = key[2] as u32;
    match shapes.past_sequence_length {
        None => Ok(Past::Growing { len: capacity }),
        Some(shape) => shared(sizes, capacity, shape, past_sequence_length, requested),
    }
}

/// One past tensor is (B,N,any,H).
fn past_tensor(sizes: &Sizes, input: &'static str, got: &[i64]) -> Result<(), SpecError> {
    let &[batch, heads, _, head_size] = got else {
        return Err(SpecError::PastRank { input, got: got.into() });
    };
    if batch != i64::from(sizes.batch) {
        return Err(SpecError::PastBatch { input, batch: sizes.batch, got: got.into() });
    }
    if heads != i64::from(sizes.num_heads) {
        return Err(SpecError::PastHeads { input, num_heads: sizes.num_heads, got: got.into() });
    }
    if head_size != i64::from(sizes.head_size) {
        return Err(SpecError::PastHeadSize { input, head_size: sizes.head_size, got: got.into() });
    }
    Ok(())
}

/// A shared buffer: past_sequence_length is one element P with 0 <= P < M and P + L <= M, and both presents are wanted.
fn shared(
    sizes: &Sizes,
    capacity: u32,
    shape: &[i64],
    content: Option<&[i32]>,
    requested: RequestedOutputs,
) -> Result<Past, SpecError> {
    let (&[] | &[1], Some(&[got])) = (shape, content) else {
        return Err(SpecError::PastSequenceLengthShape { got: shape.into() });
    };
    let len = match u32::try_from(got) {
        Ok(len) if len < capacity => len,
        _ => return Err(SpecError::PastSequenceLengthRange { capacity, got }),
    };
    if u64::from(len) + u64::from(sizes.kv_len) > u64::from(capacity) {
        return Err(SpecError::SharedBufferTooSmall { capacity, past_len: len, kv_len: sizes.kv_len });
    }
    let RequestedOutputs { present_key: key, present_value: value, .. } = requested;
    if !(key && value) {
        return Err(SpecError::SharedBufferNeedsPresents { key, value });
    }
    Ok(Past::Shared { len, capacity })
}

/// cache_indirection is (B/W, W, M); without a shared buffer there is no M to compare with.
pub(super) fn cache_indirection(sizes: &Sizes, past: Past, shapes: &InputShapes<'_>) -> Result<(), SpecError> {
    let Some(got) = shapes.cache_indirection else { return Ok(()) };
    let &[groups, width, length] = got else {
        return Err(SpecError::CacheIndirectionRank { got: got.into() });
    };
    if groups * width != i64::from(sizes.batch) {
        return Err(SpecError::CacheIndirectionBatch { batch: sizes.batch, got: got.into() });
    }
    match past {
        Past::Shared { capacity, .. } if length != i64::from(capacity) => {
            Err(SpecError::CacheIndirectionLength { capacity, got: got.into() })
        }
        _ => Ok(()),
    }
}

/// Pre-split keys do not read a growing past where the call asks for `output` alone and no input is as wide as past and
/// new keys together: so it is in the CPU kernel. With such an input that kernel reads it at a wrong stride; here the
/// past is read then, as it is where presents are wanted.
pub(super) fn drop_unread_past(problem: &mut AttentionProblem) {
    let only_output = !problem.present.key && !problem.present.value && problem.qk.is_none();
    let mask_has_no_width = matches!(problem.padding_mask, PaddingMask::None | PaddingMask::KeyLengths);
    let no_width = mask_has_no_width && problem.attention_bias.is_none();
    if problem.layout == Layout::PreSplit && only_output && no_width {
        problem.past = Past::None;
    }
}

/// The beam search step: a shared buffer with cache_indirection, plain layout, one query row, P > 0, H = Hv, and no mask
/// or a 2-D one. Elsewhere cache_indirection is ignored.
pub(super) fn take_beam_path(problem: &mut AttentionProblem, shapes: &InputShapes<'_>) {
    let (Some(&[_, width, _]), Past::Shared { len, .. }) = (shapes.cache_indirection, problem.past) else { return };
    let mask_fits = matches!(problem.padding_mask, PaddingMask::None | PaddingMask::Keys);
    // An empty batch has no rows to gather, and may come with a width of 0.
    if problem.layout != Layout::Plain || problem.q_len != 1 || len == 0 || !mask_fits || problem.batch == 0 {
        return;
    }
    let width = width as u32;
    problem.beam_width = Some(width);
    if problem.padding_mask == PaddingMask::Keys {
        problem.padding_mask = PaddingMask::BeamKeys;
    }
    if let Some(bias) = &mut problem.attention_bias
        && bias.batch > 1
    {
        bias.batch_divisor = width;
    }
}

/// Every entry of cache_indirection that the problem uses names a beam: key j < P of each batch row. `data` is the whole
/// input, (B/W, W, M).
///
/// # Errors
/// [`SpecError::CacheIndirectionEntry`] with the first wrong entry.
pub fn check_cache_indirection(problem: &AttentionProblem, data: &[i32]) -> Result<(), SpecError> {
    let Some(beam_width) = problem.beam_width else { return Ok(()) };
    let (used, stride) = (problem.past_len() as usize, problem.past_capacity() as usize);
    for (batch, row) in data.chunks_exact(stride).enumerate() {
        for (key, &got) in row[..used].iter().enumerate() {
            if u32::try_from(got).is_ok_and(|beam| beam < beam_width) {
                continue;
            }
            return Err(SpecError::CacheIndirectionEntry { beam_width, got, batch: batch as u32, key: key as u32 });
        }
    }
    Ok(())
}
