//! [`SpecError`]: one variant for each rule of the operator, holding what was received.

use std::fmt;

/// Dimensions of a tensor as received; displayed as `(2, 3, 4)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(pub Box<[i64]>);

impl From<&[i64]> for Shape {
    fn from(dims: &[i64]) -> Self {
        Shape(dims.into())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, dim) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str(")")
    }
}

/// The class of an error, for hosts that report one. Follows what ONNX Runtime's CPU kernel reports for the same
/// condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The inputs break a shape rule.
    InvalidArgument,
    /// The call or the node can't be carried out.
    Fail,
    /// The node itself is malformed.
    InvalidGraph,
}

/// A broken rule: the rule first, then what was received.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The node has no `num_heads`.
    #[error("attribute 'num_heads' is required; the node has none")]
    NumHeadsMissing,
    /// An attribute holds another kind of value.
    #[error("attribute '{name}' must be {expected}; the node has another kind of value")]
    AttributeKind {
        /// The attribute.
        name: &'static str,
        /// The kind it must have, with its article: "an integer", "a float".
        expected: &'static str,
    },
    /// `num_heads` is 0 or negative.
    #[error("attribute 'num_heads' must be greater than 0; got {got}")]
    NumHeadsNotPositive {
        /// The value.
        got: i64,
    },
    /// `num_heads` does not fit int32.
    #[error("attribute 'num_heads' must be at most 2147483647; got {got}")]
    NumHeadsTooLarge {
        /// The value.
        got: i64,
    },

    /// A dimension is negative or does not fit int32.
    #[error("every dimension must be from 0 to 2147483647; got {input} of shape {got}")]
    DimensionRange {
        /// The input.
        input: &'static str,
        /// Its shape.
        got: Shape,
    },
    /// The query is neither 3-D nor 5-D.
    #[error("query must have 3 or 5 dimensions; got {got}")]
    QueryRank {
        /// Its shape.
        got: Shape,
    },
    /// A 5-D query is not (B, S, num_heads, 3, H).
    #[error("a packed query must be (batch, q_len, num_heads = {num_heads}, 3, head_size); got {got}")]
    PackedQueryShape {
        /// num_heads.
        num_heads: u32,
        /// Its shape.
        got: Shape,
    },
    /// A packed query comes with a key or a value.
    #[error("a packed query (5-D) holds keys and values, so key and value must be absent; got {input} of shape {got}")]
    PackedQueryWithInput {
        /// "key" or "value".
        input: &'static str,
        /// Its shape.
        got: Shape,
    },
    /// A 3-D query alone.
    #[error(
        "key must be given unless query is packed (5-D); got only query of shape {query}: the 3-D packed form is not part of this operator"
    )]
    KeyMissing {
        /// The query's shape.
        query: Shape,
    },
    /// A value without a key.
    #[error("value must be absent where key is; got value of shape {got}")]
    ValueWithoutKey {
        /// The value's shape.
        got: Shape,
    },
    /// A key without a value that is not packed.
    #[error("key without value must be packed: (batch, kv_len, num_heads, 2, head_size), 5 dimensions; got {got}")]
    KeyWithoutValue {
        /// The key's shape.
        got: Shape,
    },
    /// A packed key comes with a value.
    #[error("a packed key (5-D) holds values, so value must be absent; got {got}")]
    PackedKeyWithValue {
        /// The value's shape.
        got: Shape,
    },
    /// A 5-D key is not (B, L, num_heads, 2, H).
    #[error("a packed key must be (batch, kv_len, num_heads = {num_heads}, 2, head_size = {head_size}); got {got}")]
    PackedKeyShape {
        /// num_heads.
        num_heads: u32,
        /// H, from the query.
        head_size: u32,
        /// Its shape.
        got: Shape,
    },
    /// Key and value ranks.
    #[error("key and value must both have 3 dimensions or both 4; got key {key} and value {value}")]
    KeyValueRanks {
        /// The key's shape.
        key: Shape,
        /// The value's shape.
        value: Shape,
    },
    /// Key or value have another batch size than the query.
    #[error("query, key and value must have one batch size, {batch} as in query; got {input} of shape {got}")]
    BatchDiffers {
        /// B, from the query.
        batch: u32,
        /// "key" or "value".
        input: &'static str,
        /// Its shape.
        got: Shape,
    },
    /// A 3-D key has another hidden size than the query.
    #[error("key must have the query's hidden size {hidden_size} as dimension 2; got {got}")]
    KeyHiddenSize {
        /// D, from the query.
        hidden_size: u32,
        /// The key's shape.
        got: Shape,
    },
    /// 3-D key and value have different lengths.
    #[error("key and value must have one length (dimension 1); got key {key} and value {value}")]
    KeyValueLengths {
        /// The key's shape.
        key: Shape,
        /// The value's shape.
        value: Shape,
    },
    /// 4-D key is not (B, N, L, H).
    #[error(
        "a key split in heads must be (batch, num_heads = {num_heads}, kv_len, head_size = {head_size}); got {got}"
    )]
    SplitKeyShape {
        /// num_heads.
        num_heads: u32,
        /// H, from the query.
        head_size: u32,
        /// The key's shape.
        got: Shape,
    },
    /// 4-D value has another shape than the key.
    #[error("a value split in heads must have the key's shape {key}; got {got}")]
    SplitValueShape {
        /// The key's shape.
        key: Shape,
        /// The value's shape.
        got: Shape,
    },
    /// num_heads does not divide a hidden size.
    #[error(
        "num_heads must divide the hidden size (dimension 2) of {input}; got num_heads {num_heads} and {input} of shape {got}"
    )]
    NumHeadsDoesNotDivide {
        /// num_heads.
        num_heads: u32,
        /// "query" or "value".
        input: &'static str,
        /// Its shape.
        got: Shape,
    },
    /// head_size or v_head_size is 0.
    #[error("the head size of {input} must be at least 1; got {input} of shape {got}")]
    ZeroHeadSize {
        /// "query" or "value".
        input: &'static str,
        /// Its shape.
        got: Shape,
    },

    /// bias with packed keys and values.
    #[error("bias must be absent with a packed key (5-D); got bias of shape {got}")]
    BiasWithPackedKey {
        /// The bias's shape.
        got: Shape,
    },
    /// bias is not 1-D.
    #[error("bias must have 1 dimension; got {got}")]
    BiasRank {
        /// Its shape.
        got: Shape,
    },
    /// bias has another length than 2D + Dv.
    #[error("bias must have 2 * hidden_size + v_hidden_size = {expected} elements; got {got}")]
    BiasLength {
        /// 2D + Dv.
        expected: u64,
        /// Its length.
        got: i64,
    },
    /// key_padding_mask has none of the four shapes.
    #[error(
        "key_padding_mask must be (batch), (3 * batch + 2), (batch, total_len) or (batch, q_len, total_len) with batch = {batch}, q_len = {q_len}, total_len = {total_len} (past included); got {got}"
    )]
    PaddingMaskShape {
        /// B.
        batch: u32,
        /// S.
        q_len: u32,
        /// T.
        total_len: u32,
        /// Its shape.
        got: Shape,
    },
    /// attention_bias is not 4-D.
    #[error("attention_bias must have 4 dimensions; got {got}")]
    AttentionBiasRank {
        /// Its shape.
        got: Shape,
    },
    /// attention_bias dimension 0.
    #[error("attention_bias dimension 0 must be 1 or the batch size {batch}; got {got}")]
    AttentionBiasBatch {
        /// B.
        batch: u32,
        /// Its shape.
        got: Shape,
    },
    /// attention_bias dimension 1.
    #[error("attention_bias dimension 1 must be 1 or num_heads {num_heads}; got {got}")]
    AttentionBiasHeads {
        /// N.
        num_heads: u32,
        /// Its shape.
        got: Shape,
    },
    /// attention_bias dimension 2.
    #[error("attention_bias dimension 2 must be the query length {q_len}; got {got}")]
    AttentionBiasRows {
        /// S.
        q_len: u32,
        /// Its shape.
        got: Shape,
    },
    /// attention_bias dimension 3.
    #[error("attention_bias dimension 3 must be the total key length {total_len}, past included; got {got}")]
    AttentionBiasKeys {
        /// T.
        total_len: u32,
        /// Its shape.
        got: Shape,
    },

    /// One of past_key and past_value.
    #[error("past_key and past_value must both be given or both be absent; got only {input} of shape {got}")]
    PastIncomplete {
        /// The one that was given.
        input: &'static str,
        /// Its shape.
        got: Shape,
    },
    /// A past with packed inputs.
    #[error("past_key and past_value must be absent where query or key is packed (5-D); got past_key of shape {got}")]
    PastWithPacked {
        /// The shape of past_key.
        got: Shape,
    },
    /// past_key or past_value is not 4-D.
    #[error("{input} must have 4 dimensions; got {got}")]
    PastRank {
        /// "past_key" or "past_value".
        input: &'static str,
        /// Its shape.
        got: Shape,
    },
    /// past_key or past_value, dimension 0.
    #[error("{input} dimension 0 must be the batch size {batch}; got {got}")]
    PastBatch {
        /// "past_key" or "past_value".
        input: &'static str,
        /// B.
        batch: u32,
        /// Its shape.
        got: Shape,
    },
    /// past_key or past_value, dimension 1.
    #[error("{input} dimension 1 must be num_heads {num_heads}; got {got}")]
    PastHeads {
        /// "past_key" or "past_value".
        input: &'static str,
        /// N.
        num_heads: u32,
        /// Its shape.
        got: Shape,
    },
    /// past_key and past_value have different lengths.
    #[error("past_key and past_value must have one length (dimension 2); got {key} and {value}")]
    PastLengths {
        /// The shape of past_key.
        key: Shape,
        /// The shape of past_value.
        value: Shape,
    },
    /// past_key or past_value, dimension 3.
    #[error("{input} dimension 3 must be the head size {head_size}; got {got}")]
    PastHeadSize {
        /// "past_key" or "past_value".
        input: &'static str,
        /// H.
        head_size: u32,
        /// Its shape.
        got: Shape,
    },
    /// A past where v_head_size differs from head_size.
    #[error("with a past, the head sizes of query and value must be equal; got {head_size} and {v_head_size}")]
    PastValueHeadSize {
        /// H.
        head_size: u32,
        /// Hv.
        v_head_size: u32,
    },
    /// past_sequence_length has not one element.
    #[error("past_sequence_length must hold one element, shape () or (1); got {got}")]
    PastSequenceLengthShape {
        /// Its shape.
        got: Shape,
    },
    /// past_sequence_length is negative, or the buffer's length or more.
    #[error("past_sequence_length must be from 0 to less than the past's length (dimension 2) {capacity}; got {got}")]
    PastSequenceLengthRange {
        /// M.
        capacity: u32,
        /// Its value.
        got: i32,
    },
    /// The new entries do not fit in the shared buffer.
    #[error(
        "past_sequence_length + kv_len must be at most the past's length (dimension 2) {capacity}; got {past_len} + {kv_len}"
    )]
    SharedBufferTooSmall {
        /// M.
        capacity: u32,
        /// P.
        past_len: u32,
        /// L.
        kv_len: u32,
    },
    /// A shared buffer without both presents.
    #[error("with past_key and past_sequence_length, outputs present_key and present_value are both required; got {}", presents(*.key, *.value))]
    SharedBufferNeedsPresents {
        /// present_key is requested.
        key: bool,
        /// present_value is requested.
        value: bool,
    },
    /// cache_indirection is not 3-D.
    #[error("cache_indirection must have 3 dimensions; got {got}")]
    CacheIndirectionRank {
        /// Its shape.
        got: Shape,
    },
    /// cache_indirection, dimensions 0 and 1.
    #[error("cache_indirection dimension 0 times dimension 1 must be the batch size {batch}; got {got}")]
    CacheIndirectionBatch {
        /// B.
        batch: u32,
        /// Its shape.
        got: Shape,
    },
    /// cache_indirection, dimension 2.
    #[error("cache_indirection dimension 2 must be the past's length (dimension 2) {capacity}; got {got}")]
    CacheIndirectionLength {
        /// M.
        capacity: u32,
        /// Its shape.
        got: Shape,
    },
    /// An entry of cache_indirection names no beam.
    #[error(
        "cache_indirection entries must be from 0 to less than the beam width {beam_width}; got {got} for batch row {batch}, key {key}"
    )]
    CacheIndirectionEntry {
        /// W.
        beam_width: u32,
        /// The entry.
        got: i32,
        /// Batch row b of the entry.
        batch: u32,
        /// Key j of the entry.
        key: u32,
    },

    /// qk in float16 where the node is float32.
    #[error("output qk must be float32 where the inputs are float32; got float16")]
    QkType,
    /// A tensor, or the call as a whole, exceeds what can be addressed.
    #[error("{what} must be at most {limit}; got {got}")]
    TooLarge {
        /// What is limited, such as "bytes of output".
        what: &'static str,
        /// The limit.
        limit: u64,
        /// The size asked for.
        got: u128,
    },
}

impl SpecError {
    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            SpecError::NumHeadsMissing | SpecError::AttributeKind { .. } => ErrorKind::InvalidGraph,
            SpecError::NumHeadsNotPositive { .. }
            | SpecError::NumHeadsTooLarge { .. }
            | SpecError::NumHeadsDoesNotDivide { .. }
            | SpecError::QkType
            | SpecError::TooLarge { .. } => ErrorKind::Fail,
            _ => ErrorKind::InvalidArgument,
        }
    }
}

/// The presents that were requested, in words.
fn presents(key: bool, value: bool) -> &'static str {
    match (key, value) {
        (false, false) => "neither",
        (true, false) => "only present_key",
        (false, true) => "only present_value",
        (true, true) => "both",
    }
}
