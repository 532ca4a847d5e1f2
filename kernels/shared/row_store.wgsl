// Stores of a finished row by the lanes that hold it: the output, or partial results.
fn store_row_stats(b: u32, n: u32, s: u32, end: u32, split: u32, lane: u32, reference: f32, sum: f32) {
    if PARTIAL && s < end && lane == 0u {
        partial_stats[partial_index(split, b, n, s)] = vec2<f32>(reference, sum);
    }
}

fn store_row_part(b: u32, n: u32, s: u32, end: u32, split: u32, part: u32, lane: u32, x: vec4<f32>, sum: f32) {
    let h = (part * LANES + lane) * 4u;
    if s < end && h < params.v_head_size {
        if PARTIAL {
            store_partial4(partial_index(split, b, n, s), h, x);
        } else {
            store_output4(element(params.output, b, n, s) + h, params.v_head_size - h, x / sum);
        }
    }
}
