//! Problems by their sizes, and sizes that do not divide tiles.

use mha_spec::{
    AttentionProblem, Attributes, DType, InputShapes, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias,
    RequestedOutputs, SpecError,
};

/// Head sizes from 1 to 256 around the widths of vectors, subgroups and tiles, and what models use.
pub const HEAD_SIZES: [u32; 30] = [
    1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 20, 24, 31, 32, 33, 40, 48, 63, 64, 65, 72, 80, 96, 100, 127, 128, 160, 192,
    256,
];

/// Head sizes beyond the largest that tiled kernels are tuned for.
pub const WIDE_HEAD_SIZES: [u32; 5] = [257, 260, 320, 512, 515];

/// Lengths around the sizes of tiles.
pub const LENGTHS: [u32; 24] =
    [1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 23, 31, 32, 33, 47, 63, 64, 65, 96, 127, 128, 131];

/// A problem in the plain layout that asks for `output` alone and uses no optional feature: float32, default scale.
pub fn plain(batch: u32, num_heads: u32, q_len: u32, kv_len: u32, head_size: u32) -> AttentionProblem {
    AttentionProblem {
        dtype: DType::F32,
        layout: Layout::Plain,
        batch,
        num_heads,
        q_len,
        kv_len,
        head_size,
        v_head_size: head_size,
        past: Past::None,
        beam_width: None,
        projection_bias: ProjectionBias::None,
        padding_mask: PaddingMask::None,
        attention_bias: None,
        causal: false,
        scale: 1.0 / (head_size as f32).sqrt(),
        mask_filter_value: Attributes::MASK_FILTER_VALUE,
        present: PresentOutputs::default(),
        qk: None,
    }
}

/// Owned shapes of the inputs, as [`InputShapes`] borrows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shapes {
    /// Input 0.
    pub query: Vec<i64>,
    /// Input 1.
    pub key: Option<Vec<i64>>,
    /// Input 2.
    pub value: Option<Vec<i64>>,
    /// Input 3.
    pub bias: Option<Vec<i64>>,
    /// Input 4.
    pub key_padding_mask: Option<Vec<i64>>,
    /// Input 5.
    pub attention_bias: Option<Vec<i64>>,
    /// Inputs 6 and 7.
    pub past: Option<Vec<i64>>,
    /// Content of input 8, of shape (1).
    pub past_sequence_length: Option<i32>,
    /// Input 9.
    pub cache_indirection: Option<Vec<i64>>,
}

impl Shapes {
    /// The problem that these shapes pose.
    ///
    /// # Errors
    /// The first rule of the operator that they break.
    pub fn problem(
        &self,
        attributes: &Attributes,
        dtype: DType,
        requested: RequestedOutputs,
    ) -> Result<AttentionProblem, SpecError> {
        let shapes = InputShapes {
            query: &self.query,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            bias: self.bias.as_deref(),
            key_padding_mask: self.key_padding_mask.as_deref(),
            attention_bias: self.attention_bias.as_deref(),
            past_key: self.past.as_deref(),
            past_value: self.past.as_deref(),
            past_sequence_length: self.past_sequence_length.is_some().then_some(&[1]),
            cache_indirection: self.cache_indirection.as_deref(),
        };
        let content = self.past_sequence_length.as_ref().map(std::slice::from_ref);
        mha_spec::problem(attributes, dtype, &shapes, content, requested)
    }
}
