// Results over part of the keys: O before its division by the sum, the row's maximum and sum. In float32.
@group(0) @binding(11) var<storage, read_write> partial_values: array<f32>;
@group(0) @binding(12) var<storage, read_write> partial_stats: array<vec2<f32>>;

// Where row (b, n, s) of a split begins in partial_stats; times v_head_size in partial_values.
fn partial_index(split: u32, b: u32, n: u32, s: u32) -> u32 {
    return split * partial_rows() + partial_row(b, n, s);
}

fn store_partial4(index: u32, h: u32, x: vec4<f32>) {
    let at = index * params.v_head_size + h;
    let columns = params.v_head_size - h;
    partial_values[at] = x.x;
    if columns > 1u {
        partial_values[at + 1u] = x.y;
    }
    if columns > 2u {
        partial_values[at + 2u] = x.z;
    }
    if columns > 3u {
        partial_values[at + 3u] = x.w;
    }
}
