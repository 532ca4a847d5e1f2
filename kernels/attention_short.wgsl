// The lane for short queries (decoding). Keys are spread over everything there is: over workgroups by key splits, within
// a workgroup over groups of LANES lanes that take blocks of four keys in turn. Keys and values come straight from
// storage, as each is used once. The groups' results are merged in workgroup memory, the splits' by the combine kernel.
override WORKGROUP_SIZE: u32;
override CAUSAL_SKIP: bool;
override PARTIAL: bool;

const COLUMNS4: u32 = LANES * SLICE4;

// One row of every group at a time.
var<workgroup> group_stats: array<vec2<f32>, WORKGROUP_SIZE / LANES>;
var<workgroup> group_values: array<vec4<f32>, WORKGROUP_SIZE * SLICE4>;

fn attend(workgroup: vec3<u32>, local_index: u32, group: u32, lane: u32) {
    let groups = WORKGROUP_SIZE / LANES;
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z / params.splits;
    let split = workgroup.z % params.splits;
    let first_row = params.origin.z + workgroup.x * ROWS;
    let rows_end = min(first_row + ROWS, params.end.z);

    let t_begin = params.origin.w + split * params.keys_per_split;
    var t_end = min(t_begin + params.keys_per_split, params.end.w);
    if CAUSAL_SKIP && rows_end < params.q_len {
        t_end = min(t_end, rows_end + params.past_len);
    }

    let factor = score_factor();
    var q: array<array<vec4<f32>, SLICE4>, ROWS>;
    var o: array<array<vec4<f32>, SLICE4>, ROWS>;
    var row_max: array<f32, ROWS>;
    var row_sum: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        row_max[r] = LOWEST;
        for (var i = 0u; i < SLICE4; i++) {
            let h = (i * LANES + lane) * 4u;
            if h < params.head_size && first_row + r < rows_end {
                q[r][i] = source_query4(b, n, first_row + r, h) * factor;
            }
        }
    }

    // Every group makes the same number of turns, so that its lanes stay together for the exchange.
    for (var t0 = t_begin; t0 < t_end; t0 += groups * 4u) {
        let t = t0 + group * 4u;
        var s: array<vec4<f32>, ROWS>;
        for (var i = 0u; i < SLICE4; i++) {
            let h = (i * LANES + lane) * 4u;
            var k: array<vec4<f32>, 4>;
            if h < params.head_size {
                for (var j = 0u; j < 4u; j++) {
                    if t + j < t_end {
                        k[j] = source_key4(b, n, t + j, h);
                    }
                }
            }
            for (var r = 0u; r < ROWS; r++) {
                let x = q[r][i];
                s[r] += vec4<f32>(dot(x, k[0]), dot(x, k[1]), dot(x, k[2]), dot(x, k[3]));
            }
        }

        var w: array<vec4<f32>, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            var x = scatter_sum(s[r], lane);
            if CAUSAL || ATTENTION_BIAS || PADDING_MASK != 0u {
                x = owned_masked(x, b, n, min(first_row + r, rows_end - 1u), t, lane, t_end - 1u);
            }
            let step_max = group_max(max(row_max[r], owned_max(owned_below(t_end, t, lane, x, LOWEST))));
            let shrink = weight(row_max[r] - step_max);
            row_max[r] = step_max;
            x = owned_below(t_end, t, lane, owned_weight(x, step_max), 0.0);
            row_sum[r] = row_sum[r] * shrink + owned_sum(x);
            w[r] = gather(x);
            for (var i = 0u; i < SLICE4; i++) {
                o[r][i] *= shrink;
            }
        }

        for (var i = 0u; i < SLICE4; i++) {
            let h = (i * LANES + lane) * 4u;
            if h < params.v_head_size {
                for (var j = 0u; j < 4u; j++) {
                    if t + j < t_end {
                        let v = source_value4(b, n, t + j, h);
                        for (var r = 0u; r < ROWS; r++) {
                            o[r][i] = fma(vec4<f32>(w[r][j]), v, o[r][i]);
                        }
                    }
                }
            }
        }
    }

    for (var r = 0u; r < ROWS; r++) {
        let s = first_row + r;
        let sum = group_sum(row_sum[r]);
        workgroupBarrier();
        if lane == 0u {
            group_stats[group] = vec2<f32>(row_max[r], sum);
        }
        for (var i = 0u; i < SLICE4; i++) {
            group_values[group * COLUMNS4 + i * LANES + lane] = o[r][i];
        }
        workgroupBarrier();
        if s < rows_end {
            merge_groups(b, n, s, params.first_split + split, local_index);
        }
    }
}

// Each lane merges one vec4 of the row over all groups, and stores it.
fn merge_groups(b: u32, n: u32, s: u32, split: u32, local_index: u32) {
    let groups = WORKGROUP_SIZE / LANES;
    var row_max = LOWEST;
    for (var g = 0u; g < groups; g++) {
        row_max = max(row_max, group_stats[g].x);
    }
    var sum = 0.0;
    for (var g = 0u; g < groups; g++) {
        sum += group_stats[g].y * weight(group_stats[g].x - row_max);
    }
    for (var column = local_index; column * 4u < params.v_head_size; column += WORKGROUP_SIZE) {
        var x = vec4<f32>();
        for (var g = 0u; g < groups; g++) {
            x += group_values[g * COLUMNS4 + column] * weight(group_stats[g].x - row_max);
        }
        let h = column * 4u;
        if PARTIAL {
            store_partial4(partial_index(split, b, n, s), h, x);
        } else {
            store_output4(element(params.output, b, n, s) + h, params.v_head_size - h, x / sum);
        }
    }
    if PARTIAL && local_index == 0u {
        partial_stats[partial_index(split, b, n, s)] = vec2<f32>(row_max, sum);
    }
}
