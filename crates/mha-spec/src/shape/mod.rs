//! From input shapes to an [`AttentionProblem`]: one function for each rule.
//!
//! [`problem`] runs on every call, so the rules borrow shapes and allocate only for an error.

mod addends;
mod layout;
mod size;
mod state;

use crate::attributes::Attributes;
use crate::error::SpecError;
use crate::problem::{AttentionProblem, DType, PresentOutputs};

pub use state::check_cache_indirection;

/// Shapes of the inputs; `None` where an optional input is absent. Symbols as in [`AttentionProblem`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputShapes<'a> {
    /// (B,S,D) or (B,S,N,3,H).
    pub query: &'a [i64],
    /// (B,L,D), (B,N,L,H) or (B,L,N,2,H).
    pub key: Option<&'a [i64]>,
    /// (B,L,Dv) or (B,N,L,H).
    pub value: Option<&'a [i64]>,
    /// (2D + Dv).
    pub bias: Option<&'a [i64]>,
    /// (B), (3B+2), (B,T) or (B,S,T).
    pub key_padding_mask: Option<&'a [i64]>,
    /// (B or 1, N or 1, S, T).
    pub attention_bias: Option<&'a [i64]>,
    /// (B,N,P,H), or (B,N,M,H) with past_sequence_length.
    pub past_key: Option<&'a [i64]>,
    /// As past_key.
    pub past_value: Option<&'a [i64]>,
    /// () or (1).
    pub past_sequence_length: Option<&'a [i64]>,
    /// (B/W, W, M).
    pub cache_indirection: Option<&'a [i64]>,
}

/// Which optional outputs the node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestedOutputs {
    /// Output 1.
    pub present_key: bool,
    /// Output 2.
    pub present_value: bool,
    /// Output 3, with its element type.
    pub qk: Option<DType>,
}

/// Shapes of the outputs, requested or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputShapes {
    /// (B, S, N·Hv).
    pub output: [i64; 3],
    /// (B, N, T, H), or (B, N, M, H) with a shared buffer.
    pub present_key: [i64; 4],
    /// (B, N, T, Hv), or (B, N, M, Hv) with a shared buffer.
    pub present_value: [i64; 4],
    /// (B, N, S, T).
    pub qk: [i64; 4],
}

/// The problem that a call with these shapes poses.
///
/// `past_sequence_length` is the content of that input, looked at only where it counts, that is, with a past.
/// Whoever computes a problem with [`AttentionProblem::beam_width`] set must call [`check_cache_indirection`] first.
///
/// # Errors
/// The first rule that the call breaks.
pub fn problem(
    attributes: &Attributes,
    dtype: DType,
    shapes: &InputShapes<'_>,
    past_sequence_length: Option<&[i32]>,
    requested: RequestedOutputs,
) -> Result<AttentionProblem, SpecError> {
    size::dimensions_in_range(shapes)?;
    let sizes = layout::sizes(attributes.num_heads, shapes)?;
    let projection_bias = addends::projection_bias(&sizes, shapes)?;
    let past = state::past(&sizes, shapes, past_sequence_length, requested)?;
    let total_len = size::total_len(past, sizes.kv_len)?;
    let padding_mask = addends::padding_mask(&sizes, total_len, shapes)?;
    let attention_bias = addends::attention_bias(&sizes, total_len, shapes)?;
    state::cache_indirection(&sizes, past, shapes)?;
    if requested.qk == Some(DType::F16) && dtype == DType::F32 {
        return Err(SpecError::QkType);
    }
    let mut problem = AttentionProblem {
        dtype,
        layout: sizes.layout,
        batch: sizes.batch,
        num_heads: sizes.num_heads,
        q_len: sizes.q_len,
        kv_len: sizes.kv_len,
        head_size: sizes.head_size,
        v_head_size: sizes.v_head_size,
        past,
        beam_width: None,
        projection_bias,
        padding_mask,
        attention_bias,
        causal: attributes.unidirectional && sizes.q_len > 1,
        scale: attributes.scale_for(sizes.head_size),
        mask_filter_value: attributes.mask_filter_value,
        present: PresentOutputs { key: requested.present_key, value: requested.present_value },
        qk: requested.qk,
    };
    state::drop_unread_past(&mut problem);
    state::take_beam_path(&mut problem, shapes);
    size::addressable(&problem)?;
    Ok(problem)
}

/// The shapes of a problem's outputs.
pub fn output_shapes(problem: &AttentionProblem) -> OutputShapes {
    let [batch, heads] = [problem.batch, problem.num_heads].map(i64::from);
    let [q_len, total_len] = [problem.q_len, problem.total_len()].map(i64::from);
    let present_len = i64::from(problem.present_len());
    OutputShapes {
        output: [batch, q_len, heads * i64::from(problem.v_head_size)],
        present_key: [batch, heads, present_len, i64::from(problem.head_size)],
        present_value: [batch, heads, present_len, i64::from(problem.v_head_size)],
        qk: [batch, heads, q_len, total_len],
    }
}
