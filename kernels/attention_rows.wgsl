// The portable prefill lane. A workgroup takes a tile of query rows of one head; a group of LANES lanes shares ROWS of them,
// each lane holding every LANES-th vec4 of Q and of O in registers. Keys and values pass through workgroup memory in tiles,
// each loaded while the one before is in use.
// N is which loops there are: 0 a plain loop, and one that looks at each block of keys, for tiles with masks or biases and for
// lost bets; 1 the same, but the plain loop takes all tiles of problems without other masks or biases; 2 the other loop alone,
// eight keys a turn: half of the code, and fewer of the registers that M1 and M2 fix at a kernel's worst point.
// For M of 1 or 2 values are loaded two columns at a time, which takes half the registers; for 2 weights of a turn's blocks are
// added to each other before they are to their sum, too. For K of 1 the first reference is made of the scores of the first
// turn, which are not computed twice then: GPUs gain by it where keys are few, and lose by the condition where they are many.
// For L of 1 each tile of the plain loop has a sum of weights of its own, so that a sum over thousands of keys is a chain of
// fewer additions; sums of the tiles before wait in workgroup memory, as registers for them would take an order of the loop's
// operations that is slower.
override WORKGROUP_SIZE: u32;
// Keys of a tile, a multiple of 8 for which the vec4 that a lane loads ahead are enough.
override KEY_TILE: u32;
// Keys that no row of the tile may see need no pass, where their weight is exactly 0.
override CAUSAL_SKIP: bool;

// Named, as naga 30 cannot process the override of an unnamed array length.
override TILE_LENGTH: u32 = KEY_TILE * COLUMNS4;

var<workgroup> key_tile: array<Tile4, TILE_LENGTH>;
//% if not M
var<workgroup> value_tile: array<Tile4, TILE_LENGTH>;
//% else
// Two arrays, so that compilers do not join two loads to one.
var<workgroup> value_tile_xy: array<vec2<f32>, TILE_LENGTH>;
var<workgroup> value_tile_zw: array<vec2<f32>, TILE_LENGTH>;
//% endif

fn tile_key(at: u32) -> vec4<f32> {
    return vec4<f32>(key_tile[at]);
}

//% if not M
fn tile_value(at: u32) -> vec4<f32> {
    return vec4<f32>(value_tile[at]);
}
//% else
fn tile_value_xy(at: u32) -> vec2<f32> {
    return value_tile_xy[at];
}

fn tile_value_zw(at: u32) -> vec2<f32> {
    return value_tile_zw[at];
}

fn tile_value(at: u32) -> vec4<f32> {
    return vec4<f32>(tile_value_xy(at), tile_value_zw(at));
}
//% endif

//% if N < 2
// Whether a lane lost the bet of the plain loop, and what all read of it.
var<workgroup> lost_bets: atomic<u32>;
var<workgroup> is_lost: u32;
//% if L
// A lane's sums of its rows' weights, of all tiles before the one in use. None reads another's.
var<workgroup> sums: array<RowNumbers, WORKGROUP_SIZE>;
//% endif

// A lane's sum of a row's weights from which on the row's results are scaled down after a tile of the plain loop, and the one that
// loses its bet, as does an infinity. Until then a float32 holds larger weights as exactly as small ones.
const LARGE_SUM: f32 = 256.0;
const LOST_SUM: f32 = 0x1p+64f;
// References of the plain loop are whole numbers, so that raising one by a whole number is exact and later weights fit those before.
// Larger ones than this could not be, and lose the bet too.
const LARGEST_REFERENCE: f32 = 0x1p+22f;
//% endif
//% if N < 2 and not K
// Keys, of a tile's 8 or more, whose scores are the first reference. Of four, one row of many has none but small scores.
const REFERENCE_KEYS: u32 = 8u;
//% endif

// Entry i of the tile that begins at key t0. Keys past the last and columns past the end are read as the last that exist,
// because a load under a branch is waited for there.
fn entry_key(b: u32, n: u32, t0: u32, last: u32, i: u32) -> Elem4 {
    return stored_key4(b, n, min(t0 + i / COLUMNS4, last), existing_column(i % COLUMNS4 * 4u, params.head_size));
}

fn entry_value(b: u32, n: u32, t0: u32, last: u32, i: u32) -> Elem4 {
    return stored_value4(b, n, min(t0 + i / COLUMNS4, last), existing_column(i % COLUMNS4 * 4u, params.v_head_size));
}

// Columns past the end are zero in keys, and in values never stored.
fn store_entry(k: Elem4, v: Elem4, n: u32, t0: u32, last: u32, i: u32) {
    if i < TILE_LENGTH {
        let t = min(t0 + i / COLUMNS4, last);
        let h = i % COLUMNS4 * 4u;
        let key = with_key_bias(vec4<f32>(k), n, t, existing_column(h, params.head_size));
        key_tile[i] = Tile4(select(vec4<f32>(), key, h < params.head_size));
        //% if not M
        value_tile[i] = Tile4(with_value_bias(vec4<f32>(v), n, t, existing_column(h, params.v_head_size)));
        //% else
        let value = with_value_bias(vec4<f32>(v), n, t, existing_column(h, params.v_head_size));
        value_tile_xy[i] = value.xy;
        value_tile_zw[i] = value.zw;
        //% endif
    }
}

//% if N < 2
// Where the plain loop ends: after the last whole tile that has nothing added to its scores in any row from rows_begin on.
fn plain_keys_end(rows_begin: u32, t_begin: u32, t_end: u32) -> u32 {
    if ATTENTION_BIAS || PADDING_MASK != 0u {
        return t_begin;
    }
    let ends_early = CAUSAL;
    let end = select(t_end, min(t_end, rows_begin + params.past_len + 1u), ends_early);
    return t_begin + (max(end, t_begin) - t_begin) / KEY_TILE * KEY_TILE;
}

//% endif
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

    let last = max(t_end, t_begin + 1u) - 1u;
    var ahead = load_ahead(b, n, t_begin, last, local_index);
    var t0 = t_begin;

    //% if N < 2
    // The plain loop takes tiles to whose scores nothing is added, which are in units of log2. A look at each block's maximum
    // would keep a compiler from overlapping arithmetic and exchange, so it bets that no score passes its reference by far within a
    // tile, and looks at the sums of weights once after each, which grow with the largest. Where a bet is lost the other loop
    // starts again from the first key.
    //% if N == 1
    // All tiles where each row sees a key of the first, else its reference would lose the bet: first those that hide nothing.
    let takes_all = !(ATTENTION_BIAS || PADDING_MASK != 0u) && (!CAUSAL || t_begin <= rows_begin + params.past_len);
    let plain_end = select(t_begin, t_end, takes_all);
    let whole_end = min(plain_keys_end(rows_begin, t_begin, t_end), plain_end);
    // Of the keys that any of the group's rows sees: a tile's later ones are left out where no group of the subgroup does.
    let group_end = min(seen_end(min(first + ROWS, rows_end) - 1u), t_end);
    //% else
    let plain_end = plain_keys_end(rows_begin, t_begin, t_end);
    //% endif
    if t_begin < plain_end {
        var lost = false;
        if local_index == 0u {
            atomicStore(&lost_bets, 0u);
        }
        //% if L
        sums[local_index] = sum;
        //% endif
        //% for hides in ([false, true] if N == 1 else [false])
        for (; t0 < ${"whole_end" if N == 1 and not hides else "plain_end"}; t0 += KEY_TILE) {
            workgroupBarrier();
            store_ahead(ahead, n, t0, last, local_index);
            workgroupBarrier();
            ahead = load_ahead(b, n, t0 + KEY_TILE, last, local_index);
            //% if not K
            if t0 == t_begin {
                for (var step = 0u; step < REFERENCE_KEYS; step += 4u) {
                    reference = rows_max(scatter_rows(block_scores(q, block_at + step * COLUMNS4)), reference);
                }
                reference = rounded_down(reference);
            }
            //% endif
            //% if L
            var tile_sum = same_numbers(0.0);
            //% endif
            // Two blocks a turn, so that the arithmetic of one hides the exchange of the other.
            for (var step = 0u; step < KEY_TILE; step += 8u) {
                //% if hides
                if any_lane(t0 + step < group_end) {
                //% endif
                let at = block_at + step * COLUMNS4;
                let at_b = at + 4u * COLUMNS4;
                var p = scatter_rows(block_scores(q, at));
                var p_b = scatter_rows(block_scores(q, at_b));
                //% if hides
                p = seen_rows(p, first, rows_end, t0 + step, t_end, lane);
                p_b = seen_rows(p_b, first, rows_end, t0 + step + 4u, t_end, lane);
                //% endif
                //% if K
                if t0 + step == t_begin {
                    reference = rounded_down(rows_max(p_b, rows_max(p, reference)));
                }
                //% endif
                p = weigh_rows(p, reference);
                p_b = weigh_rows(p_b, reference);
                //% if M == 2
                ${"tile_sum" if L else "sum"} = add_block_weights(${"tile_sum" if L else "sum"}, p, p_b);
                //% else
                ${"tile_sum" if L else "sum"} = add_weights(add_weights(${"tile_sum" if L else "sum"}, p), p_b);
                //% endif
                o = add_turn(o, gather_rows(p), gather_rows(p_b), at, at_b);
                //% if hides
                }
                //% endif
            }
            //% if L
            sum = add_numbers(sums[local_index], tile_sum);
            //% endif
            if any_lane(any_above(sum, LARGE_SUM)) {
                let largest = group_maxima(sum);
                lost = lost || any_above(largest, LOST_SUM);
                let raise = rounded_down(logarithms(largest));
                reference = raised(reference, raise);
                let shrink = shrink_factors(same_numbers(0.0), raise);
                sum = scale_numbers(sum, shrink);
                o = scale_outputs(o, shrink);
            }
            //% if L
            sums[local_index] = sum;
            //% endif
        }
        //% endfor
        if lost || any_beyond(reference, LARGEST_REFERENCE) {
            atomicStore(&lost_bets, 1u);
        }
        workgroupBarrier();
        if local_index == 0u {
            is_lost = atomicLoad(&lost_bets);
        }
        if workgroupUniformLoad(&is_lost) != 0u {
            o = Outputs();
            reference = same_numbers(LOWEST);
            sum = same_numbers(0.0);
            t0 = t_begin;
            ahead = load_ahead(b, n, t0, last, local_index);
        }
    }

    //% endif
    // Any keys, with a look at each block.
    for (; t0 < t_end; t0 += KEY_TILE) {
        workgroupBarrier();
        store_ahead(ahead, n, t0, last, local_index);
        workgroupBarrier();
        ahead = load_ahead(b, n, t0 + KEY_TILE, last, local_index);
        let step_end = min(KEY_TILE, t_end - t0);
        for (var step = 0u; step < step_end; step += ${8 if N == 2 else 4}u) {
            let t = t0 + step;
            let at = block_at + step * COLUMNS4;
            var p = scatter_rows(block_scores(q, at));
            //% if N == 2
            let at_b = at + 4u * COLUMNS4;
            var p_b = scatter_rows(block_scores(q, at_b));
            //% endif
            if CAUSAL || ATTENTION_BIAS || PADDING_MASK != 0u {
                p = mask_rows(p, b, n, first, rows_end, t, last, lane);
                //% if N == 2
                p_b = mask_rows(p_b, b, n, first, rows_end, t + 4u, last, lane);
                //% endif
            }
            let is_tail = t + ${8 if N == 2 else 4}u > t_end;
            if is_tail {
                p = rows_below(p, t_end, t, lane, LOWEST);
                //% if N == 2
                p_b = rows_below(p_b, t_end, t + 4u, lane, LOWEST);
                //% endif
            }
            if any_lane(rows_grew(p, reference)${" || rows_grew(p_b, reference)" if N == 2 else ""}) {
                let after = ${"rows_max(p_b, rows_max(p, reference))" if N == 2 else "rows_max(p, reference)"};
                let shrink = shrink_factors(reference, after);
                reference = after;
                sum = scale_numbers(sum, shrink);
                o = scale_outputs(o, shrink);
            }
            p = weigh_rows(p, reference);
            //% if N == 2
            p_b = weigh_rows(p_b, reference);
            //% endif
            if is_tail {
                p = rows_below(p, t_end, t, lane, 0.0);
                //% if N == 2
                p_b = rows_below(p_b, t_end, t + 4u, lane, 0.0);
                //% endif
            }
            //% if N == 2
            sum = add_block_weights(sum, p, p_b);
            o = add_turn(o, gather_rows(p), gather_rows(p_b), at, at_b);
            //% else
            sum = add_weights(sum, p);
            o = add_values(o, gather_rows(p), at);
            //% endif
        }
    }
    store_rows(b, n, first, rows_end, params.first_split + split, lane, o, reference, group_sums(sum));
}
