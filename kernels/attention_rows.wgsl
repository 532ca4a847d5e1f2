// The portable prefill lane. A workgroup takes a tile of query rows of one head; a group of LANES lanes shares ROWS of
// them, each lane holding every LANES-th vec4 of Q and of O in registers. Keys and values pass through workgroup memory
// in tiles, each loaded while the one before is in use.
override WORKGROUP_SIZE: u32;
// Keys of a tile, a multiple of 8 for which PREFETCH vec4 of K and of V a lane are enough.
override KEY_TILE: u32;
// Keys that no row of the tile may see need no pass, where their weight is exactly 0.
override CAUSAL_SKIP: bool;

// Named, as naga 30 cannot process the override of an unnamed array length.
override TILE_LENGTH: u32 = KEY_TILE * COLUMNS4;

var<workgroup> key_tile: array<Tile4, TILE_LENGTH>;
var<workgroup> value_tile: array<Tile4, TILE_LENGTH>;

fn tile_key(at: u32) -> vec4<f32> {
    return vec4<f32>(key_tile[at]);
}

fn tile_value(at: u32) -> vec4<f32> {
    return vec4<f32>(value_tile[at]);
}

// Entry i of the key tile that begins at key t0, zero past the ends.
fn next_key(b: u32, n: u32, t0: u32, t_end: u32, i: u32) -> Tile4 {
    let t = t0 + i / COLUMNS4;
    let h = i % COLUMNS4 * 4u;
    if t < t_end && h < params.head_size {
        return Tile4(source_key4(b, n, t, h));
    }
    return Tile4();
}

fn next_value(b: u32, n: u32, t0: u32, t_end: u32, i: u32) -> Tile4 {
    let t = t0 + i / COLUMNS4;
    let h = i % COLUMNS4 * 4u;
    if t < t_end && h < params.v_head_size {
        return Tile4(source_value4(b, n, t, h));
    }
    return Tile4();
}

fn attend(workgroup: vec3<u32>, local_index: u32, group: u32, lane: u32) {
    let tile_rows = WORKGROUP_SIZE / LANES * ROWS;
    let tiles = (params.end.z - params.origin.z + tile_rows - 1u) / tile_rows;
    // Under causality the last tiles see most keys: start them first.
    let row_tile = select(workgroup.x, tiles - 1u - workgroup.x, CAUSAL_SKIP);
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z / params.splits;
    let split = workgroup.z % params.splits;

    let rows_begin = params.origin.z + row_tile * tile_rows;
    let rows_end = min(rows_begin + tile_rows, params.end.z);
    let t_begin = params.origin.w + split * params.keys_per_split;
    var t_end = min(t_begin + params.keys_per_split, params.end.w);
    if CAUSAL_SKIP && rows_end < params.q_len {
        t_end = min(t_end, rows_end + params.past_len);
    }

    let first = rows_begin + group * ROWS;
    let q = load_rows(b, n, first, rows_end, lane, score_factor());
    var o = Rows();
    var reference = same_numbers(LOWEST);
    var sum = same_numbers(0.0);
    // Where the keys of a block, in rotated order, lie in a tile.
    let block_at = vec4<u32>(rotated(0u, lane), rotated(1u, lane), rotated(2u, lane), rotated(3u, lane)) * COLUMNS4 + lane;

    var ahead = load_ahead(b, n, t_begin, t_end, local_index);
    for (var t0 = t_begin; t0 < t_end; t0 += KEY_TILE) {
        workgroupBarrier();
        store_ahead(ahead, local_index);
        workgroupBarrier();
        ahead = load_ahead(b, n, t0 + KEY_TILE, t_end, local_index);
        let step_end = min(KEY_TILE, t_end - t0);
        // Two blocks a turn, so that one's arithmetic hides the other's exchange.
        for (var step = 0u; step < step_end; step += 8u) {
            let t = t0 + step;
            let at_a = block_at + step * COLUMNS4;
            let at_b = at_a + 4u * COLUMNS4;
            var p_a = scatter_rows(block_scores(q, at_a));
            var p_b = scatter_rows(block_scores(q, at_b));
            if CAUSAL || ATTENTION_BIAS || PADDING_MASK != 0u {
                p_a = mask_rows(p_a, b, n, first, rows_end, t, t_end - 1u, lane);
                p_b = mask_rows(p_b, b, n, first, rows_end, t + 4u, t_end - 1u, lane);
            }
            let is_tail = t + 8u > t_end;
            if is_tail {
                p_a = rows_below(p_a, t_end, t, lane, LOWEST);
                p_b = rows_below(p_b, t_end, t + 4u, lane, LOWEST);
            }
            if any_lane(rows_grew(p_a, reference) || rows_grew(p_b, reference)) {
                let after = rows_max(p_b, rows_max(p_a, reference));
                let shrink = shrink_factors(reference, after);
                reference = after;
                sum = scale_numbers(sum, shrink);
                o = scale_rows(o, shrink);
            }
            p_a = weigh_rows(p_a, reference);
            p_b = weigh_rows(p_b, reference);
            if is_tail {
                p_a = rows_below(p_a, t_end, t, lane, 0.0);
                p_b = rows_below(p_b, t_end, t + 4u, lane, 0.0);
            }
            sum = add_weights(add_weights(sum, p_a), p_b);
            let w_a = gather_rows(p_a);
            let w_b = gather_rows(p_b);
            o = add_values(o, w_a, at_a);
            o = add_values(o, w_b, at_b);
        }
    }
    store_rows(b, n, first, rows_end, params.first_split + split, lane, o, reference, group_sums(sum));
}
