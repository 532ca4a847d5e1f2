// What lanes on cooperative matrices share: where a lane stands, tiles of keys and values, and the end of a row.
override WORKGROUP_SIZE: u32;
override CAUSAL_SKIP: bool;
override PARTIAL: bool;

const LANES_A_ROW: u32 = LANES / SIDE;
const COLUMNS: u32 = COLUMN_BLOCKS * SIDE;
const PIECES: u32 = COLUMNS / PIECE;
const TILE_LENGTH: u32 = KEY_TILE * PIECES;
// Named, as naga 30 cannot process the override of an unnamed array length.
override SUBGROUPS: u32 = WORKGROUP_SIZE / LANES;
override ROWS: u32 = SUBGROUPS * ROW_BLOCKS * SIDE;

// Where a lane stands in the problem and in the workgroup.
struct Place {
    b: u32,
    n: u32,
    // Rows of the workgroup, and its keys.
    rows_begin: u32,
    rows_end: u32,
    t_begin: u32,
    t_end: u32,
    // A key that there is, even where the range is empty.
    last: u32,
    split: u32,
    local_index: u32,
    // The first row of the subgroup.
    row: u32,
    // Of the subgroup, in scores and weights, and of this lane's row in each block.
    area: u32,
    row_area: u32,
    // Which of the row's lanes this is.
    part: u32,
}

// A lane's part in the softmax of one row.
struct Row {
    s: u32,
    // Weights are relative to it.
    reference: f32,
    // Of this lane's keys: before this tile, and of this tile.
    sum: f32,
    total: f32,
    // What O has yet to be multiplied by.
    shrink: f32,
}

// The place of a lane, but for what of workgroup memory is its own.
fn place_of_lane(workgroup: vec3<u32>, local_index: u32, subgroup: u32, lane: u32) -> Place {
    let tiles_of_rows = (params.end.z - params.origin.z + ROWS - 1u) / ROWS;
    let tile = place_of(workgroup, tiles_of_rows, CAUSAL_SKIP);
    let split = tile.slice % params.splits;
    let t_begin = params.origin.w + split * params.keys_per_split;
    var place = Place();
    place.b = params.origin.x + tile.slice / params.splits;
    place.n = params.origin.y + tile.head;
    place.rows_begin = params.origin.z + tile.row_tile * ROWS;
    place.rows_end = min(place.rows_begin + ROWS, params.end.z);
    place.t_begin = t_begin;
    place.t_end = min(t_begin + params.keys_per_split, params.end.w);
    if CAUSAL_SKIP && place.rows_end < params.q_len {
        place.t_end = min(place.t_end, place.rows_end + params.past_len);
    }
    place.last = max(place.t_end, t_begin + 1u) - 1u;
    place.split = params.first_split + split;
    place.local_index = local_index;
    place.part = lane % LANES_A_ROW;
    return place;
}

// Piece i of the key tile at key t0. Loaded on every path, so that nothing waits for it before it is stored: past the last
// key it is some other key, whose weights are 0; past the last column it is zeroed when stored.
fn next_key(place: Place, t0: u32, i: u32) -> Piece {
    let t = min(t0 + i / PIECES, place.last);
    let h = min(i % PIECES, (params.head_size - 1u) / PIECE) * PIECE;
    if PAST || KV_BIAS {
        return source_key_piece(place.b, place.n, t, h);
    }
    return key_piece(element(params.key, place.b, place.n, t) + h, params.head_size - h);
}

fn next_value(place: Place, t0: u32, i: u32) -> Piece {
    let t = min(t0 + i / PIECES, place.last);
    let h = min(i % PIECES, (params.v_head_size - 1u) / PIECE) * PIECE;
    if PAST || KV_BIAS {
        return source_value_piece(place.b, place.n, t, h);
    }
    return value_piece(element(params.value, place.b, place.n, t) + h, params.v_head_size - h);
}

fn store_key(i: u32, piece: Piece, at: u32) {
    if i < TILE_LENGTH {
        put_key_piece(at + i / PIECES * TILE_ROW + i % PIECES * PIECE, select(Piece(), piece, i % PIECES * PIECE < params.head_size));
    }
}

// Columns past the last make columns of O that are not stored.
fn store_value(i: u32, piece: Piece, at: u32) {
    if i < TILE_LENGTH {
        put_value_piece(at + i / PIECES * TILE_ROW + i % PIECES * PIECE, piece);
    }
}

// Whether masks or the end of the keys matter in the tile at key t0. Causality hides nothing before the first row's own key.
fn is_masked(place: Place, t0: u32) -> bool {
    if ATTENTION_BIAS || PADDING_MASK != 0u || t0 + KEY_TILE > place.t_end {
        return true;
    }
    return CAUSAL && t0 + KEY_TILE > place.rows_begin + params.past_len + 1u;
}

// Stores four columns of a row of O, which is not divided by the sum yet.
fn store_row4(row: Row, place: Place, h: u32, x: vec4<f32>) {
    if PARTIAL {
        store_partial4(partial_index(place.split, place.b, place.n, row.s), h, x);
    } else {
        let at = element(params.output, place.b, place.n, row.s) + h;
        store_output4(at, params.v_head_size - h, x / row.sum);
    }
}

// The sum of a number over the lanes of a row, which are neighbours.
fn row_sum(x: f32) -> f32 {
    var sum = x;
    for (var i = 1u; i < LANES_A_ROW; i *= 2u) {
        sum += subgroupShuffleXor(sum, i);
    }
    return sum;
}

fn store_stats(row: Row, place: Place) {
    if PARTIAL && place.part == 0u && row.s < place.rows_end {
        partial_stats[partial_index(place.split, place.b, place.n, row.s)] = vec2<f32>(row.reference, row.sum);
    }
}
