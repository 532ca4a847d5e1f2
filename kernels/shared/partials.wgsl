// Results over part of the keys: O before its division by the sum, the row's maximum and sum. In float32.
// Rows of partial_values are whole vec4, whatever v_head_size is; what fills the last one up is never read.
@group(0) @binding(11) var<storage, read_write> partial_values: array<vec4<f32>>;
@group(0) @binding(12) var<storage, read_write> partial_stats: array<vec2<f32>>;

// Where row (b, n, s) of a split begins in partial_stats; times the vec4 of a row in partial_values.
fn partial_index(split: u32, b: u32, n: u32, s: u32) -> u32 {
    return split * partial_rows() + partial_row(b, n, s);
}

fn store_partial4(index: u32, h: u32, x: vec4<f32>) {
    partial_values[index * ((params.v_head_size + 3u) / 4u) + h / 4u] = x;
}
