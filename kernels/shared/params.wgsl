// The parameter block of every kernel. Its host side is crates/mha-kernels/src/contract.rs, which documents each field.
struct Strides {
    batch: u32,
    head: u32,
    row: u32,
    offset: u32,
}

struct AttentionParams {
    query: Strides,
    key: Strides,
    value: Strides,
    past_key: Strides,
    past_value: Strides,
    output: Strides,
    attention_bias: Strides,
    padding_mask: Strides,
    cache_indirection: Strides,
    origin: vec4<u32>,
    end: vec4<u32>,
    q_len: u32,
    past_len: u32,
    head_size: u32,
    v_head_size: u32,
    num_heads: u32,
    beam_width: u32,
    source_beam: u32,
    bias_batch_divisor: u32,
    query_bias_offset: u32,
    key_bias_offset: u32,
    value_bias_offset: u32,
    first_split: u32,
    keys_per_split: u32,
    splits: u32,
    scale: f32,
    mask_filter_value: f32,
}

@group(0) @binding(0) var<uniform> params: AttentionParams;

// The most negative finite f32: what the operator adds to causally hidden scores.
const LOWEST: f32 = -0x1.fffffep+127f;
const LOG2_E: f32 = 1.4426950408889634f;

// Index of element (b, n, row, 0). Wraps modulo 2^32 by design: see Strides in the contract.
fn element(strides: Strides, b: u32, n: u32, row: u32) -> u32 {
    return strides.offset + b * strides.batch + n * strides.head + row * strides.row;
}

// Row of the partial buffers that belongs to (b, n, s): rows of the slab, in order.
fn partial_row(b: u32, n: u32, s: u32) -> u32 {
    let heads = params.end.y - params.origin.y;
    let rows = params.end.z - params.origin.z;
    return ((b - params.origin.x) * heads + (n - params.origin.y)) * rows + (s - params.origin.z);
}

fn partial_rows() -> u32 {
    return (params.end.x - params.origin.x) * (params.end.y - params.origin.y) * (params.end.z - params.origin.z);
}
