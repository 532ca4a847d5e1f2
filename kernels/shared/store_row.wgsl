// Writes a finished row, of which each lane of a group holds every LANES-th vec4: the output, or partial results.
fn store_row(b: u32, n: u32, s: u32, split: u32, lane: u32, row_max: f32, sum: f32, o: array<vec4<f32>, SLICE4>) {
    var row = o;
    if PARTIAL {
        let index = partial_index(split, b, n, s);
        if lane == 0u {
            partial_stats[index] = vec2<f32>(row_max, sum);
        }
        for (var i = 0u; i < SLICE4; i++) {
            let h = (i * LANES + lane) * 4u;
            if h < params.v_head_size {
                store_partial4(index, h, row[i]);
            }
        }
    } else {
        let at = element(params.output, b, n, s);
        for (var i = 0u; i < SLICE4; i++) {
            let h = (i * LANES + lane) * 4u;
            if h < params.v_head_size {
                store_output4(at + h, params.v_head_size - h, row[i] / sum);
            }
        }
    }
}
