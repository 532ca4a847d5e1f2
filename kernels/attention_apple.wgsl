// The prefill lane for Apple GPUs. M1 and M2 fix a shader's registers at its worst point, spill past 128 of them, and run
// from an instruction cache of 12 KB: so LANES lanes share few rows, nothing is held for the next tile, and the loop over
// keys takes N at a time: four, or eight whose values are summed from zero. Tiles keep the tensors' own type, which halves
// threadgroup traffic in f16, where an operand of either width costs an Apple ALU the same. Nothing but scores crosses lanes.
override WORKGROUP_SIZE: u32;
// Keys of a tile, a multiple of N.
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
        var k = Tile4(0.0);
        var v = Tile4(0.0);
        if t < t_end {
            if h < params.head_size {
                k = staged_key4(b, n, t, h);
            }
            if h < params.v_head_size {
                v = staged_value4(b, n, t, h);
            }
        }
        key_tile[i] = k;
        value_tile[i] = v;
    }
}

fn attend(workgroup: vec3<u32>, local_index: u32, group: u32, lane: u32) {
    let tile_rows = WORKGROUP_SIZE / LANES * ROWS;
    let tiles = (params.end.z - params.origin.z + tile_rows - 1u) / tile_rows;
    let place = place_of(workgroup, tiles);
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

    //% set blocks = range(N // 4)
    //% if M
    let hides = CAUSAL && !ATTENTION_BIAS && PADDING_MASK == 0u;
    // Of the keys that causality shows to any of the group's rows: a tile's later ones are left out where no group of the subgroup sees them.
    let group_end = seen_end(min(first + ROWS, rows_end) - 1u);
    //% endif
    for (var t0 = t_begin; t0 < t_end; t0 += KEY_TILE) {
        workgroupBarrier();
        stage_tile(b, n, t0, t_end, local_index);
        workgroupBarrier();
        let step_end = min(KEY_TILE, t_end - t0);
        for (var step = 0u; step < step_end${" && any_lane(!hides || t0 + step < group_end)" if M else ""}; step += ${N}u) {
            let t = t0 + step;
            //% for i in blocks
            let at${i} = block_at + (step${plus(4 * i)}) * COLUMNS4;
            //% endfor
            //% for i in blocks
            var p${i} = scatter_rows(block_scores(q, at${i}));
            //% endfor
            //% if M
            if hides {
                //% for i in blocks
                p${i} = seen_rows(p${i}, first, rows_end, t${plus(4 * i)}, t_end, lane);
                //% endfor
            } else
            //% endif
            if CAUSAL || ATTENTION_BIAS || PADDING_MASK != 0u {
                //% for i in blocks
                p${i} = mask_rows(p${i}, b, n, first, rows_end, t${plus(4 * i)}, t_end - 1u, lane);
                //% endfor
            }
            let is_tail = t + ${N}u > t_end;
            if is_tail {
                //% for i in blocks
                p${i} = rows_below(p${i}, t_end, t${plus(4 * i)}, lane, LOWEST);
                //% endfor
            }
            if any_lane(${"rows_grew(p0, reference) || rows_grew(p1, reference)" if N == 8 else "rows_grew(p0, reference)"}) {
                let after = ${"rows_max(p1, rows_max(p0, reference))" if N == 8 else "rows_max(p0, reference)"};
                let shrink = shrink_factors(reference, after);
                reference = after;
                sum = scale_numbers(sum, shrink);
                o = scale_outputs(o, shrink);
            }
            //% for i in blocks
            p${i} = weigh_rows(p${i}, reference);
            //% endfor
            if is_tail {
                //% for i in blocks
                p${i} = rows_below(p${i}, t_end, t${plus(4 * i)}, lane, 0.0);
                //% endfor
            }
            //% if N == 8
            sum = add_block_weights(sum, p0, p1);
            o = add_turn(o, gather_rows(p0), gather_rows(p1), at0, at1);
            //% else
            sum = add_weights(sum, p0);
            o = add_values(o, gather_rows(p0), at0);
            //% endif
        }
    }
    store_rows(b, n, first, rows_end, params.first_split + split, lane, o, reference, group_sums(sum));
}
