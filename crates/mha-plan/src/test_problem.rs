//! The least problem, for unit tests to make theirs of.

use mha_spec::{AttentionProblem, DType, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias};

/// One query row and one key in a head of one column, in float32, with nothing else.
pub(crate) fn problem() -> AttentionProblem {
    AttentionProblem {
        dtype: DType::F32,
        layout: Layout::Plain,
        batch: 1,
        num_heads: 1,
        q_len: 1,
        kv_len: 1,
        head_size: 1,
        v_head_size: 1,
        past: Past::None,
        beam_width: None,
        projection_bias: ProjectionBias::None,
        padding_mask: PaddingMask::None,
        attention_bias: None,
        causal: false,
        scale: 1.0,
        mask_filter_value: 0.0,
        present: PresentOutputs::default(),
        qk: None,
    }
}
