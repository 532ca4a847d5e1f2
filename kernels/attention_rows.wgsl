// The portable prefill lane. A workgroup takes a tile of query rows of one head; a group of LANES lanes shares ROWS of
// them, each lane holding every LANES-th vec4 of Q and of O in registers. Keys and values pass through workgroup memory
// in tiles of float32, so that conversion and bias cost once per workgroup.
override WORKGROUP_SIZE: u32;
// Keys staged at a time, a multiple of STEP.
override KEY_TILE: u32;
// Keys that no row of the tile may see need no pass, where their weight is exactly 0.
override CAUSAL_SKIP: bool;
// Write unnormalised results of a range of keys in place of the output.
override PARTIAL: bool;

// Keys between two updates of the running maximum.
const STEP: u32 = 4u * BLOCKS;
const COLUMNS4: u32 = LANES * SLICE4;

var<workgroup> key_tile: array<vec4<f32>, KEY_TILE * COLUMNS4>;
var<workgroup> value_tile: array<vec4<f32>, KEY_TILE * COLUMNS4>;

fn stage_tile(b: u32, n: u32, t0: u32, t_end: u32, local_index: u32) {
    for (var i = local_index; i < KEY_TILE * COLUMNS4; i += WORKGROUP_SIZE) {
        let t = t0 + i / COLUMNS4;
        let h = i % COLUMNS4 * 4u;
        var k = vec4<f32>();
        var v = vec4<f32>();
        if t < t_end {
            if h < params.head_size {
                k = source_key4(b, n, t, h);
            }
            if h < params.v_head_size {
                v = source_value4(b, n, t, h);
            }
        }
        key_tile[i] = k;
        value_tile[i] = v;
    }
}

fn attend(workgroup: vec3<u32>, local_index: u32, group: u32, lane: u32) {
    let tile_rows = WORKGROUP_SIZE / LANES * ROWS;
    let tiles = (params.end.z - params.origin.z + tile_rows - 1u) / tile_rows;
    // Under causality the last tiles see most keys: start them first.
    let tile = select(workgroup.x, tiles - 1u - workgroup.x, CAUSAL_SKIP);
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z / params.splits;
    let split = workgroup.z % params.splits;

    let tile_begin = params.origin.z + tile * tile_rows;
    let tile_end = min(tile_begin + tile_rows, params.end.z);
    let t_begin = params.origin.w + split * params.keys_per_split;
    var t_end = min(t_begin + params.keys_per_split, params.end.w);
    if CAUSAL_SKIP && tile_end < params.q_len {
        t_end = min(t_end, tile_end + params.past_len);
    }

    let first_row = tile_begin + group * ROWS;
    let factor = score_factor();
    var q: array<array<vec4<f32>, SLICE4>, ROWS>;
    var o: array<array<vec4<f32>, SLICE4>, ROWS>;
    var row_max: array<f32, ROWS>;
    var row_sum: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        row_max[r] = LOWEST;
        row_sum[r] = 0.0;
        for (var i = 0u; i < SLICE4; i++) {
            let h = (i * LANES + lane) * 4u;
            q[r][i] = vec4<f32>();
            o[r][i] = vec4<f32>();
            if h < params.head_size && first_row + r < tile_end {
                q[r][i] = source_query4(b, n, first_row + r, h) * factor;
            }
        }
    }

    for (var t0 = t_begin; t0 < t_end; t0 += KEY_TILE) {
        workgroupBarrier();
        stage_tile(b, n, t0, t_end, local_index);
        workgroupBarrier();
        for (var step = 0u; step < KEY_TILE && t0 + step < t_end; step += STEP) {
            var p: array<array<Owned, BLOCKS>, ROWS>;
            for (var block = 0u; block < BLOCKS; block++) {
                var s: array<vec4<f32>, ROWS>;
                let at = (step + block * 4u) * COLUMNS4 + lane;
                for (var i = 0u; i < SLICE4; i++) {
                    let k0 = key_tile[at + i * LANES];
                    let k1 = key_tile[at + i * LANES + COLUMNS4];
                    let k2 = key_tile[at + i * LANES + 2u * COLUMNS4];
                    let k3 = key_tile[at + i * LANES + 3u * COLUMNS4];
                    for (var r = 0u; r < ROWS; r++) {
                        let x = q[r][i];
                        s[r].x = fma(x.w, k0.w, fma(x.z, k0.z, fma(x.y, k0.y, fma(x.x, k0.x, s[r].x))));
                        s[r].y = fma(x.w, k1.w, fma(x.z, k1.z, fma(x.y, k1.y, fma(x.x, k1.x, s[r].y))));
                        s[r].z = fma(x.w, k2.w, fma(x.z, k2.z, fma(x.y, k2.y, fma(x.x, k2.x, s[r].z))));
                        s[r].w = fma(x.w, k3.w, fma(x.z, k3.z, fma(x.y, k3.y, fma(x.x, k3.x, s[r].w))));
                    }
                }
                for (var r = 0u; r < ROWS; r++) {
                    p[r][block] = scatter_sum(s[r], lane);
                }
            }

            for (var r = 0u; r < ROWS; r++) {
                var step_max = row_max[r];
                for (var block = 0u; block < BLOCKS; block++) {
                    let t = t0 + step + block * 4u;
                    if CAUSAL || ATTENTION_BIAS || PADDING_MASK != 0u {
                        // Rows and keys past the end are computed from clamped addresses and dropped below.
                        p[r][block] = owned_masked(p[r][block], b, n, min(first_row + r, tile_end - 1u), t, lane, t_end - 1u);
                    }
                    step_max = max(step_max, owned_max(owned_below(t_end, t, lane, p[r][block], LOWEST)));
                }
                step_max = group_max(step_max);
                let shrink = weight(row_max[r] - step_max);
                row_max[r] = step_max;
                var sum = row_sum[r] * shrink;
                for (var block = 0u; block < BLOCKS; block++) {
                    let w = owned_weight(p[r][block], step_max);
                    p[r][block] = owned_below(t_end, t0 + step + block * 4u, lane, w, 0.0);
                    sum += owned_sum(p[r][block]);
                }
                row_sum[r] = sum;
                for (var i = 0u; i < SLICE4; i++) {
                    o[r][i] *= shrink;
                }
            }

            for (var block = 0u; block < BLOCKS; block++) {
                let at = (step + block * 4u) * COLUMNS4 + lane;
                var w: array<vec4<f32>, ROWS>;
                for (var r = 0u; r < ROWS; r++) {
                    w[r] = gather(p[r][block]);
                }
                for (var i = 0u; i < SLICE4; i++) {
                    let v0 = value_tile[at + i * LANES];
                    let v1 = value_tile[at + i * LANES + COLUMNS4];
                    let v2 = value_tile[at + i * LANES + 2u * COLUMNS4];
                    let v3 = value_tile[at + i * LANES + 3u * COLUMNS4];
                    for (var r = 0u; r < ROWS; r++) {
                        let x = w[r];
                        o[r][i] = fma(vec4<f32>(x.w), v3, fma(vec4<f32>(x.z), v2,
                            fma(vec4<f32>(x.y), v1, fma(vec4<f32>(x.x), v0, o[r][i]))));
                    }
                }
            }
        }
    }

    for (var r = 0u; r < ROWS; r++) {
        let sum = group_sum(row_sum[r]);
        let s = first_row + r;
        if s < tile_end {
            store_row(b, n, s, params.first_split + split, lane, row_max[r], sum, o[r]);
        }
    }
}
