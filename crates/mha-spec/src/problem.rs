//! [`AttentionProblem`]: one call of the operator, described by shapes, features and scalars only.

/// Element type of the floating-point tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE binary32.
    F32,
    /// IEEE binary16; arithmetic is float32 all the same.
    F16,
}

impl DType {
    /// Bytes of one element.
    pub const fn size(self) -> u64 {
        match self {
            DType::F32 => 4,
            DType::F16 => 2,
        }
    }

    /// Name as in kernel and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
        }
    }
}

/// How query, new keys and new values are laid out in memory. Dimensions: B batch, S q_len, L kv_len, N num_heads,
/// H head_size, Hv v_head_size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    /// query (B,S,N·H), key (B,L,N·H), value (B,L,N·Hv).
    Plain,
    /// query (B,S,N·H), key (B,N,L,H), value (B,N,L,H): cross-attention whose keys are already split in heads.
    PreSplit,
    /// query (B,S,N·H), key (B,L,N,2,H) holding keys and values.
    PackedKv,
    /// query (B,S,N,3,H) holding queries, keys and values.
    PackedQkv,
}

/// Which part of the `bias` input, of length 2·N·H + N·Hv, is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProjectionBias {
    /// No bias input.
    None,
    /// Only its first N·H entries, to the queries (pre-split keys).
    Query,
    /// All of it: to queries, new keys and new values.
    QueryKeyValue,
}

/// The form of `key_padding_mask`. T is [`AttentionProblem::total_len`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaddingMask {
    /// No mask.
    None,
    /// Key lengths: key t of batch row b is hidden iff t >= mask\[b\]. Shape (B), or (3B+2) of which the first B count.
    KeyLengths,
    /// (B,T): hidden iff the value is <= 0.
    Keys,
    /// (B,T) in a beam search step: hidden iff the value is exactly 0.
    BeamKeys,
    /// (B,S,T): hidden iff the value is <= 0.
    QueryKeys,
}

/// The `attention_bias` input, (B or 1, N or 1, S, T), added to the scaled scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttentionBias {
    /// Size of dimension 0. More than 1 means: entry `b / batch_divisor` belongs to batch row b.
    pub batch: u32,
    /// Size of dimension 1: 1 or num_heads.
    pub heads: u32,
    /// 1, or the beam width in a beam search step, where the operator indexes the bias by b / beam_width.
    pub batch_divisor: u32,
}

/// Keys and values of earlier calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Past {
    /// None, or given and not used.
    None,
    /// past_key (B,N,P,H): present is past followed by the new entries.
    Growing {
        /// P.
        len: u32,
    },
    /// past_key (B,N,M,H), a buffer as large as present, of which the first P entries count.
    Shared {
        /// P, the value of past_sequence_length.
        len: u32,
        /// M.
        capacity: u32,
    },
}

/// Which optional outputs are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PresentOutputs {
    /// present_key (B,N,T,H), or (B,N,M,H) with a shared buffer.
    pub key: bool,
    /// present_value (B,N,T,Hv), or (B,N,M,Hv) with a shared buffer.
    pub value: bool,
}

/// One call of MultiHeadAttention: valid by construction when it comes from this crate's shape rules.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionProblem {
    /// Type of query, key, value, biases, past, present and output.
    pub dtype: DType,
    /// Layout of query, key and value.
    pub layout: Layout,
    /// B.
    pub batch: u32,
    /// N.
    pub num_heads: u32,
    /// S, rows of the query.
    pub q_len: u32,
    /// L, new keys.
    pub kv_len: u32,
    /// H, at least 1.
    pub head_size: u32,
    /// Hv, at least 1.
    pub v_head_size: u32,
    /// Earlier keys and values.
    pub past: Past,
    /// W, set when cache_indirection is in force: key j < P of batch row b comes from batch row
    /// (b / W)·W + cache_indirection\[b, j\] of the past. cache_indirection is (B/W, W, M).
    pub beam_width: Option<u32>,
    /// Input projection bias.
    pub projection_bias: ProjectionBias,
    /// key_padding_mask.
    pub padding_mask: PaddingMask,
    /// attention_bias.
    pub attention_bias: Option<AttentionBias>,
    /// Row s < S-1 gives keys t > s + P the score LOWEST in place of any padding term. False where S = 1.
    pub causal: bool,
    /// Factor on q·k, already resolved (never the attribute's 0.0).
    pub scale: f32,
    /// Added to the score of padded keys.
    pub mask_filter_value: f32,
    /// Which presents are wanted.
    pub present: PresentOutputs,
    /// Element type of the qk output where it is wanted.
    pub qk: Option<DType>,
}

impl AttentionProblem {
    /// P: keys that come from the past.
    pub const fn past_len(&self) -> u32 {
        match self.past {
            Past::None => 0,
            Past::Growing { len } | Past::Shared { len, .. } => len,
        }
    }

    /// T = P + L: keys that a row can attend to.
    pub const fn total_len(&self) -> u32 {
        self.past_len() + self.kv_len
    }

    /// Dimension 2 of the past tensors (0 where there is no past).
    pub const fn past_capacity(&self) -> u32 {
        match self.past {
            Past::None => 0,
            Past::Growing { len } => len,
            Past::Shared { capacity, .. } => capacity,
        }
    }

    /// Dimension 2 of the present tensors: T, or M with a shared buffer.
    pub const fn present_len(&self) -> u32 {
        match self.past {
            Past::Shared { capacity, .. } => capacity,
            _ => self.total_len(),
        }
    }

    /// D = N·H.
    pub const fn hidden_size(&self) -> u64 {
        self.num_heads as u64 * self.head_size as u64
    }

    /// Dv = N·Hv.
    pub const fn v_hidden_size(&self) -> u64 {
        self.num_heads as u64 * self.v_head_size as u64
    }

    /// Floating-point operations of the two products, two for each multiply-add; causal halves are not taken off.
    pub fn flops(&self) -> f64 {
        2.0 * f64::from(self.batch)
            * f64::from(self.num_heads)
            * f64::from(self.q_len)
            * f64::from(self.total_len())
            * (f64::from(self.head_size) + f64::from(self.v_head_size))
    }
}
