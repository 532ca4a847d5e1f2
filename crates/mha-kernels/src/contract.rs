//! The contract between host and shaders: bindings and the parameter block. One place on the Rust side;
//! `kernels/shared/params.wgsl` is the WGSL side of the block, bindings are declared where kernels use them, and a test
//! reflects every kernel of the catalogue against both.

use bytemuck::{Pod, Zeroable};

/// What a binding of group 0 holds. The discriminant is the binding number; binding 0 is [`AttentionParams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Slot {
    /// Queries; in the present kernel unused.
    Query = 1,
    /// New keys; in the present kernel the new entries to append, keys or values.
    Key = 2,
    /// New values.
    Value = 3,
    /// Input projection bias.
    Bias = 4,
    /// key_padding_mask, int32.
    PaddingMask = 5,
    /// attention_bias.
    AttentionBias = 6,
    /// past_key; in the present kernel the past to copy, keys or values.
    PastKey = 7,
    /// past_value.
    PastValue = 8,
    /// cache_indirection, int32.
    CacheIndirection = 9,
    /// The kernel's result: output, a present tensor, or qk.
    Output = 10,
    /// Unnormalised float32 outputs of each key split: (split, row, Hv), a row being one (b, n, s) of the slab.
    PartialValues = 11,
    /// Row maximum, in the lane's score units, and sum of each key split: (split, row) of vec2<f32>.
    PartialStats = 12,
    /// Results of key splits on their way to the workgroup that merges them, in words of 32 bits: `kernels/short/exchange.wgsl`.
    /// All zeros before and after every dispatch.
    Exchange = 13,
}

impl Slot {
    /// All slots, by binding number.
    pub const ALL: [Slot; 13] = [
        Slot::Query,
        Slot::Key,
        Slot::Value,
        Slot::Bias,
        Slot::PaddingMask,
        Slot::AttentionBias,
        Slot::PastKey,
        Slot::PastValue,
        Slot::CacheIndirection,
        Slot::Output,
        Slot::PartialValues,
        Slot::PartialStats,
        Slot::Exchange,
    ];

    /// Binding number in group 0.
    pub const fn binding(self) -> u32 {
        self as u32
    }
}

/// Address of element (batch, head, row, column) in a tensor, in elements and modulo 2^32:
/// `offset + batch·b + head·n + row·s + column`. The offset wraps on purpose: indices are those of the whole problem,
/// while the binding may begin anywhere in the tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Strides {
    /// Elements between batch rows.
    pub batch: u32,
    /// Elements between heads.
    pub head: u32,
    /// Elements between rows (queries or keys).
    pub row: u32,
    /// Where (0, 0, 0, 0) is, relative to the start of the binding, modulo 2^32.
    pub offset: u32,
}

/// The uniform block of every kernel: one slab of a problem. All lengths in rows, all addresses in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct AttentionParams {
    /// Queries.
    pub query: Strides,
    /// New keys (present kernel: new entries).
    pub key: Strides,
    /// New values.
    pub value: Strides,
    /// Past keys (present kernel: past entries).
    pub past_key: Strides,
    /// Past values.
    pub past_value: Strides,
    /// Result. For qk, `row` is T.
    pub output: Strides,
    /// attention_bias; a broadcast dimension has stride 0.
    pub attention_bias: Strides,
    /// key_padding_mask; a missing dimension has stride 0.
    pub padding_mask: Strides,
    /// cache_indirection: one row of M entries for each batch row.
    pub cache_indirection: Strides,
    /// First batch row, head, query row and key of the slab.
    pub origin: [u32; 4],
    /// End (exclusive) of the slab's batch rows, heads, query rows and keys.
    pub end: [u32; 4],
    /// S of the whole problem.
    pub q_len: u32,
    /// P: keys below it come from the past.
    pub past_len: u32,
    /// H.
    pub head_size: u32,
    /// Hv.
    pub v_head_size: u32,
    /// N.
    pub num_heads: u32,
    /// W, or 1.
    pub beam_width: u32,
    /// The beam of each group whose past is bound, where the override `ONE_BEAM` is set.
    pub source_beam: u32,
    /// attention_bias belongs to batch row b / this.
    pub bias_batch_divisor: u32,
    /// Where the query part of the projection bias begins in its binding, modulo 2^32; then keys' and values' parts.
    pub bias_offsets: [u32; 3],
    /// First split of this slab among those of the whole problem.
    pub first_split: u32,
    /// Keys in each split.
    pub keys_per_split: u32,
    /// Splits to combine (combine kernel), or splits of this slab.
    pub splits: u32,
    /// Factor on q·k.
    pub scale: f32,
    /// Added to the scores of padded keys.
    pub mask_filter_value: f32,
}

/// Values of the override `PADDING_MASK`.
pub mod padding_mask {
    /// No mask.
    pub const NONE: u32 = 0;
    /// Hidden iff t >= mask\[b\].
    pub const KEY_LENGTHS: u32 = 1;
    /// Hidden iff mask\[b, t\] <= 0 (or mask\[b, s, t\], by strides).
    pub const POSITIVE: u32 = 2;
    /// Hidden iff mask\[b, t\] == 0.
    pub const NONZERO: u32 = 3;
}
