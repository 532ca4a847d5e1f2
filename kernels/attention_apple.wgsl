// The prefill lane for Apple GPUs. M1 and M2 fix a shader's registers at its worst point, spill past 128 of them, and run
// from an instruction cache of 12 KB: so LANES lanes share few rows, nothing is held for the next tile, and the loop over
// keys takes four at a time. Tiles keep the tensors' own type, which halves threadgroup traffic in f16, where an operand
// of either width costs an Apple ALU the same. Nothing but scores crosses lanes.
override WORKGROUP_SIZE: u32;
// Keys of a tile, a multiple of 4.
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

fn stage_tile(b: u32, n: u32, t0: u32, t_end: u32, local_index: u32) {
    for (var i = local_index; i < TILE_LENGTH; i += WORKGROUP_SIZE) {
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
        key_tile[i] = Tile4(k);
        value_tile[i] = Tile4(v);
    }
}

fn attend(workgroup: vec3<u32>, local_index: u32, group: u32, lane: u32) {
    let tile_rows = WORKGROUP_SIZE / LANES * ROWS;
    let tiles = (params.end.z - params.origin.z + tile_rows - 1u) / tile_rows;
    let place = place_of(workgroup, tiles, CAUSAL_SKIP);
    let row_tile = place.row_tile;
    let n = place.head;
    let b = place.batch_row;
    let split = place.split;

    let rows_begin = params.origin.z + row_tile * tile_rows;
    let rows_end = min(rows_begin + tile_rows, params.end.z);
    let t_begin = params.origin.w + split * params.keys_per_split;
    var t_end = min(t_begin + params.keys_per_split, params.end.w);
    if CAUSAL_SKIP && rows_end < params.q_len {
        t_end = min(t_end, rows_end + params.past_len);
    }

    let first = rows_begin + group * ROWS;
    let q = load_queries(b, n, first, rows_end, lane, score_factor());
    var o = Outputs();
    var reference = same_numbers(LOWEST);
    var sum = same_numbers(0.0);
    // Where the keys of a block, in rotated order, lie in a tile.
    let block_at = vec4<u32>(rotated(0u, lane), rotated(1u, lane), rotated(2u, lane), rotated(3u, lane)) * COLUMNS4 + lane;

    for (var t0 = t_begin; t0 < t_end; t0 += KEY_TILE) {
        workgroupBarrier();
        stage_tile(b, n, t0, t_end, local_index);
        workgroupBarrier();
        let step_end = min(KEY_TILE, t_end - t0);
        for (var step = 0u; step < step_end; step += 4u) {
            let t = t0 + step;
            let at = block_at + step * COLUMNS4;
            var p = scatter_rows(block_scores(q, at));
            if CAUSAL || ATTENTION_BIAS || PADDING_MASK != 0u {
                p = mask_rows(p, b, n, first, rows_end, t, t_end - 1u, lane);
            }
            let is_tail = t + 4u > t_end;
            if is_tail {
                p = rows_below(p, t_end, t, lane, LOWEST);
            }
            if any_lane(rows_grew(p, reference)) {
                let after = rows_max(p, reference);
                let shrink = shrink_factors(reference, after);
                reference = after;
                sum = scale_numbers(sum, shrink);
                o = scale_outputs(o, shrink);
            }
            p = weigh_rows(p, reference);
            if is_tail {
                p = rows_below(p, t_end, t, lane, 0.0);
            }
            sum = add_weights(sum, p);
            o = add_values(o, gather_rows(p), at);
        }
    }
    store_rows(b, n, first, rows_end, params.first_split + split, lane, o, reference, group_sums(sum));
}
