// The lane for everything that the others do not cover: any head size, and adapters without subgroups. A workgroup
// takes one query row and WORKGROUP_SIZE * 4 columns of its output; lanes share out keys for the scores and columns for
// the output. Scores are computed again for each further range of columns.
override WORKGROUP_SIZE: u32;
override CAUSAL_SKIP: bool;
override PARTIAL: bool;

var<workgroup> scores: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column_tiles = (params.v_head_size + WORKGROUP_SIZE * 4u - 1u) / (WORKGROUP_SIZE * 4u);
    let s = params.origin.z + workgroup.x / column_tiles;
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z / params.splits;
    let split = workgroup.z % params.splits;
    let h_out = ((workgroup.x % column_tiles) * WORKGROUP_SIZE + lane) * 4u;

    let t_begin = params.origin.w + split * params.keys_per_split;
    var t_end = min(t_begin + params.keys_per_split, params.end.w);
    if CAUSAL_SKIP && s + 1u < params.q_len {
        t_end = min(t_end, s + 1u + params.past_len);
    }

    let factor = score_factor();
    var o = vec4<f32>();
    var row_max = LOWEST;
    var row_sum = 0.0;
    for (var t0 = t_begin; t0 < t_end; t0 += WORKGROUP_SIZE) {
        let keys = min(WORKGROUP_SIZE, t_end - t0);
        var score = LOWEST;
        if lane < keys && is_held(b, t0 + lane) {
            var x = 0.0;
            for (var h = 0u; h < params.head_size; h += 4u) {
                x += dot(source_query4(b, n, s, h), source_key4(b, n, t0 + lane, h));
            }
            score = masked_score(x * factor, b, n, s, t0 + lane);
        }
        workgroupBarrier();
        scores[lane] = score;
        workgroupBarrier();
        var tile_max = row_max;
        for (var i = 0u; i < keys; i++) {
            tile_max = max(tile_max, scores[i]);
        }
        let shrink = weight(row_max - tile_max);
        row_max = tile_max;
        row_sum *= shrink;
        o *= shrink;
        for (var i = 0u; i < keys; i++) {
            if !is_held(b, t0 + i) {
                continue;
            }
            let w = weight(scores[i] - tile_max);
            row_sum += w;
            if h_out < params.v_head_size {
                o = fma(vec4<f32>(w), source_value4(b, n, t0 + i, h_out), o);
            }
        }
    }

    let index = partial_index(params.first_split + split, b, n, s);
    if PARTIAL && h_out == 0u {
        partial_stats[index] = vec2<f32>(row_max, row_sum);
    }
    if h_out < params.v_head_size {
        if PARTIAL {
            store_partial4(index, h_out, o);
        } else {
            store_output4(element(params.output, b, n, s) + h_out, params.v_head_size - h_out, o / row_sum);
        }
    }
}
