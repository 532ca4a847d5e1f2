// The prefill lane on cooperative matrices. A subgroup takes ROW_BLOCKS blocks of query rows and keeps their Q and O in
// matrices; keys pass in tiles. No element of a matrix can be reached, so scores go through workgroup memory, where
// LANES_A_ROW lanes make weights of each row: any lane can take any row, as barriers order all of it.
override WORKGROUP_SIZE: u32;
override CAUSAL_SKIP: bool;
override PARTIAL: bool;

// Weights are float16, of which 65504 is the largest: a row is scaled down before a tile's weights sum to more.
const LARGEST_SUM: f32 = 32768.0;

const TILE_ROWS_OF_SUBGROUP: u32 = ROW_BLOCKS * SIDE;
const LANES_A_ROW: u32 = LANES / TILE_ROWS_OF_SUBGROUP;
const KEYS_A_LANE: u32 = KEY_TILE / LANES_A_ROW;
const COLUMNS: u32 = COLUMN_BLOCKS * SIDE;
const COLUMNS4: u32 = COLUMNS / 4u;
const TILE_LENGTH: u32 = KEY_TILE * COLUMNS4;
// Row lengths in workgroup memory, padded to spread rows over its banks.
const SCORES_ROW: u32 = KEY_TILE + 4u;
const WEIGHTS_ROW: u32 = KEY_TILE + 8u;
const TILE_ROW: u32 = COLUMNS + 8u;
const TILE_AREA: u32 = KEY_TILE * TILE_ROW;

// Named, as naga 30 cannot process the override of an unnamed array length. All in numbers.
override ROWS: u32 = WORKGROUP_SIZE / LANES_A_ROW;
override SCORES_LENGTH: u32 = ROWS * SCORES_ROW / UNIT;
override WEIGHTS_LENGTH: u32 = ROWS * WEIGHTS_ROW / UNIT;
const TILES_LENGTH: u32 = 2u * TILE_AREA / UNIT;

var<workgroup> scores: array<Score, SCORES_LENGTH>;
var<workgroup> weights: array<Half, WEIGHTS_LENGTH>;
var<workgroup> keys: array<Half, TILES_LENGTH>;
var<workgroup> values: array<Half, TILES_LENGTH>;
// Whether a row was given a new reference in an even or odd tile, so that O must follow. Two are used; as every area here
// it takes a multiple of 16 bytes, since matrices are loaded from addresses that are.
var<workgroup> moved: array<u32, 4>;

// A lane's part in the softmax: one row of the workgroup's, and which of its keys.
struct Row {
    // Of the workgroup, and of the problem.
    local: u32,
    s: u32,
    part: u32,
    // Weights are relative to it.
    reference: f32,
    // Of this lane's keys.
    sum: f32,
    // What O has yet to be multiplied by.
    shrink: f32,
}

// Where keys t0 on stand in the problem.
struct Place {
    b: u32,
    n: u32,
    // Rows of the workgroup, and the end of its keys.
    rows_begin: u32,
    rows_end: u32,
    t_end: u32,
    // A key that there is, even where the range is empty.
    last: u32,
}

// Entry i of the key tile that begins at key t0. Loaded on every path, so that nothing waits for it before it is stored:
// past the last key it is some other key, whose weights are 0; past the last column it is zeroed when stored.
fn next_key(place: Place, t0: u32, i: u32) -> vec2<u32> {
    let t = min(t0 + i / COLUMNS4, place.last);
    let h = min(i % COLUMNS4, (params.head_size - 1u) / 4u) * 4u;
    if PAST || KV_BIAS {
        return to_words(source_key4(place.b, place.n, t, h));
    }
    return key_words(element(params.key, place.b, place.n, t) + h, params.head_size - h);
}

fn next_value(place: Place, t0: u32, i: u32) -> vec2<u32> {
    let t = min(t0 + i / COLUMNS4, place.last);
    let h = min(i % COLUMNS4, (params.v_head_size - 1u) / 4u) * 4u;
    if PAST || KV_BIAS {
        return to_words(source_value4(place.b, place.n, t, h));
    }
    return value_words(element(params.value, place.b, place.n, t) + h, params.v_head_size - h);
}

// x, or zeros where entry i of a tile lies past the last column.
fn within(x: vec2<u32>, i: u32, columns: u32) -> vec2<u32> {
    return select(vec2<u32>(), x, i % COLUMNS4 * 4u < columns);
}

// Where entry i of a tile lies in workgroup memory.
fn tile_entry(i: u32) -> u32 {
    return i / COLUMNS4 * TILE_ROW + i % COLUMNS4 * 4u;
}

// Puts one block of columns of this lane's query row where weights will be.
fn stage_query(row: Row, place: Place, block: u32) {
    for (var c = row.part * 4u; c < SIDE; c += LANES_A_ROW * 4u) {
        let h = block * SIDE + c;
        var x = vec4<f32>();
        if row.s < place.rows_end && h < params.head_size {
            x = source_query4(place.b, place.n, row.s, h);
        }
        put_weights(row.local * WEIGHTS_ROW + c, vec4<f16>(x));
    }
}

// Multiplies one block of columns of this lane's row of O, where scores will be.
fn scale_staged(row: Row) {
    for (var c = row.part * 4u; c < SIDE; c += LANES_A_ROW * 4u) {
        let at = row.local * SCORES_ROW + c;
        put_scores(at, get_scores(at) * row.shrink);
    }
}

// Stores one block of columns of this lane's row of O.
fn store_staged(row: Row, place: Place, split: u32, block: u32) {
    for (var c = row.part * 4u; c < SIDE; c += LANES_A_ROW * 4u) {
        let h = block * SIDE + c;
        if row.s < place.rows_end && h < params.v_head_size {
            let x = get_scores(row.local * SCORES_ROW + c);
            if PARTIAL {
                store_partial4(partial_index(split, place.b, place.n, row.s), h, x);
            } else {
                let at = element(params.output, place.b, place.n, row.s) + h;
                store_output4(at, params.v_head_size - h, x / row.sum);
            }
        }
    }
}

// Scores of keys t to t + 3 from q·k. LOWEST past the last key.
fn score4(x: vec4<f32>, row: Row, place: Place, t: u32, masked: bool) -> vec4<f32> {
    var s = x * score_factor();
    if masked {
        let row_s = min(row.s, place.rows_end - 1u);
        let last = place.t_end - 1u;
        s = vec4<f32>(
            masked_score(s.x, place.b, place.n, row_s, min(t, last)),
            masked_score(s.y, place.b, place.n, row_s, min(t + 1u, last)),
            masked_score(s.z, place.b, place.n, row_s, min(t + 2u, last)),
            masked_score(s.w, place.b, place.n, row_s, min(t + 3u, last)),
        );
    }
    return select(vec4<f32>(LOWEST), s, vec4<u32>(t, t + 1u, t + 2u, t + 3u) < vec4<u32>(place.t_end));
}

// Whether scores of the tile at t0 are more than scale · q·k. Causality hides nothing before the first row's own key.
fn is_masked(place: Place, t0: u32) -> bool {
    if ATTENTION_BIAS || PADDING_MASK != 0u {
        return true;
    }
    return CAUSAL && t0 + KEY_TILE > place.rows_begin + params.past_len + 1u;
}

// The largest score of a row in a tile.
fn row_max(row: Row, place: Place, t0: u32) -> f32 {
    let masked = is_masked(place, t0);
    var most = LOWEST;
    for (var k = 0u; k < KEY_TILE; k += 4u) {
        let s = score4(get_scores(row.local * SCORES_ROW + k), row, place, t0 + k, masked);
        most = max(most, max(max(s.x, s.y), max(s.z, s.w)));
    }
    return most;
}

// Weights of four keys relative to a reference.
fn weight4(x: vec4<f32>, row: Row, place: Place, t: u32, special: bool, masked: bool) -> vec4<f32> {
    if !special {
        if LOG2_SCORES {
            return exp2(fma(x, vec4<f32>(score_factor()), vec4<f32>(-row.reference)));
        }
        return exp2(fma(x, vec4<f32>(score_factor()), vec4<f32>(-row.reference)) * LOG2_E);
    }
    let s = score4(x, row, place, t, masked) - row.reference;
    let w = exp2(select(s * LOG2_E, s, LOG2_SCORES));
    return select(vec4<f32>(), w, vec4<u32>(t, t + 1u, t + 2u, t + 3u) < vec4<u32>(place.t_end));
}

// Makes weights of the scores of the tile at t0; raises `moved` where that takes a new reference.
fn weigh(row_before: Row, place: Place, t0: u32, is_first: bool, odd: u32) -> Row {
    var row = row_before;
    let masked = is_masked(place, t0);
    let special = masked || t0 + KEY_TILE > place.t_end;
    if is_first {
        row.reference = row_max(row, place, t0);
    }
    var w = lane_weights(row, place, t0, special, masked);
    var total = lane_total(w);
    var row_total = total;
    if LANES_A_ROW > 1u {
        row_total += subgroupShuffleXor(total, 1u);
    }
    if row_total > LARGEST_SUM {
        let before = row.reference;
        row.reference = max(before, row_max(row, place, t0));
        let shrink = weight(before - row.reference);
        row.sum *= shrink;
        row.shrink *= shrink;
        moved[odd] = 1u;
        w = lane_weights(row, place, t0, special, masked);
        total = lane_total(w);
    }
    row.sum += total;
    put_lane_weights(w, row.local * WEIGHTS_ROW + row.part * KEYS_A_LANE);
    return row;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let tiles_of_rows = (params.end.z - params.origin.z + ROWS - 1u) / ROWS;
    // Under causality the last rows see most keys: start them first.
    let row_tile = select(workgroup.x, tiles_of_rows - 1u - workgroup.x, CAUSAL_SKIP);
    let split = workgroup.z % params.splits;
    let t_begin = params.origin.w + split * params.keys_per_split;
    var place = Place();
    place.b = params.origin.x + workgroup.z / params.splits;
    place.n = params.origin.y + workgroup.y;
    place.rows_begin = params.origin.z + row_tile * ROWS;
    place.rows_end = min(place.rows_begin + ROWS, params.end.z);
    place.t_end = min(t_begin + params.keys_per_split, params.end.w);
    if CAUSAL_SKIP && place.rows_end < params.q_len {
        place.t_end = min(place.t_end, place.rows_end + params.past_len);
    }
    place.last = max(place.t_end, t_begin + 1u) - 1u;
    let tiles = (max(place.t_end, t_begin) - t_begin + KEY_TILE - 1u) / KEY_TILE;

    var row = Row(local_index / LANES_A_ROW, 0u, local_index % LANES_A_ROW, LOWEST, 0.0, 1.0);
    row.s = place.rows_begin + row.local;
    let first_row = subgroup * TILE_ROWS_OF_SUBGROUP;

    var keys_ahead = load_keys(place, t_begin, local_index);
    let q = load_queries(row, place, first_row);
    if local_index < 2u {
        moved[local_index] = 0u;
    }
    store_keys(keys_ahead, 0u, local_index);
    store_values(load_values(place, t_begin, local_index), 0u, local_index);

    var o = Outputs();
    for (var i = 0u; i < tiles; i++) {
        let odd = i & 1u;
        let t0 = t_begin + i * KEY_TILE;
        workgroupBarrier();
        keys_ahead = load_keys(place, t0 + KEY_TILE, local_index);
        let values_ahead = load_values(place, t0 + KEY_TILE, local_index);
        put_tile_scores(q, first_row, odd);
        workgroupBarrier();
        row = weigh(row, place, t0, i == 0u, odd);
        workgroupBarrier();
        // Once, or not at all; written as a loop since naga can't tell that an index is the same in all lanes.
        while moved[odd] != 0u {
            o = scale_outputs(o, row, first_row);
            row.shrink = 1.0;
            if local_index == 0u {
                moved[odd] = 0u;
            }
            workgroupBarrier();
        }
        o = add_values(o, first_row, odd);
        store_keys(keys_ahead, (odd ^ 1u) * TILE_AREA, local_index);
        store_values(values_ahead, (odd ^ 1u) * TILE_AREA, local_index);
    }

    if LANES_A_ROW > 1u {
        row.sum += subgroupShuffleXor(row.sum, 1u);
    }
    let out_split = params.first_split + split;
    if PARTIAL && row.part == 0u && row.s < place.rows_end {
        partial_stats[partial_index(out_split, place.b, place.n, row.s)] = vec2<f32>(row.reference, row.sum);
    }
    store_outputs(o, row, place, out_split, first_row);
}
