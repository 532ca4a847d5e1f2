// What lanes on cooperative matrices share: where a lane stands, tiles of keys and values, and the end of a row.
override WORKGROUP_SIZE: u32;
override CAUSAL_SKIP: bool;
override PARTIAL: bool;

const LANES_A_ROW: u32 = LANES / SIDE;
const COLUMNS: u32 = COLUMN_BLOCKS * SIDE;
const PIECES: u32 = COLUMNS / PIECE;
// Named, as naga 30 cannot process the override of an unnamed array length.
override SUBGROUPS: u32 = WORKGROUP_SIZE / LANES;
override ROWS: u32 = SUBGROUPS / KEY_GROUPS * ROW_BLOCKS * SIDE;
// Rows of a tile of keys that the lanes load at once, a piece each. What is left of the lanes loads nothing, so that a lane's columns are
// the same in all rounds.
override ROUND: u32 = WORKGROUP_SIZE / PIECES;

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
    // Of this lane's pieces of keys and values in the first round: the row, where that is in a tile, the column, of which there is one
    // even where it is past the last, and where the column of key 0 is.
    piece_row: u32,
    piece_at: u32,
    key_column: u32,
    value_column: u32,
    key_is_inside: bool,
    key_at: u32,
    value_at: u32,
    // The first row of the subgroup.
    row: u32,
    // Of the subgroup, in scores and weights, and of this lane's row in each block.
    area: u32,
    row_area: u32,
    // Which lane of the subgroup this is, and which of the row's.
    lane: u32,
    part: u32,
    // Where subgroups share out a tile's keys: the first block of this one.
    key_block: u32,
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
    let tile = place_of(workgroup, tiles_of_rows);
    let t_begin = params.origin.w + tile.split * params.keys_per_split;
    var place = Place();
    place.b = tile.batch_row;
    place.n = tile.head;
    place.rows_begin = params.origin.z + tile.row_tile * ROWS;
    place.rows_end = min(place.rows_begin + ROWS, params.end.z);
    place.t_begin = t_begin;
    place.t_end = min(t_begin + params.keys_per_split, params.end.w);
    if CAUSAL_SKIP && place.rows_end < params.q_len {
        place.t_end = min(place.t_end, place.rows_end + params.past_len);
    }
    place.last = max(place.t_end, t_begin + 1u) - 1u;
    place.split = params.first_split + tile.split;
    place.piece_row = local_index / PIECES;
    let column = local_index % PIECES * PIECE;
    place.piece_at = place.piece_row * TILE_ROW + column;
    place.key_column = min(column, (params.head_size - 1u) / PIECE * PIECE);
    place.value_column = min(column, (params.v_head_size - 1u) / PIECE * PIECE);
    place.key_is_inside = column < params.head_size;
    place.key_at = element(params.key, place.b, place.n, 0u) + place.key_column;
    place.value_at = element(params.value, place.b, place.n, 0u) + place.value_column;
    place.lane = lane;
    place.part = lane % LANES_A_ROW;
    return place;
}

// This lane's piece of the key tile at key t0 in round n. Loaded on every path, so that nothing waits for it before it is stored: past
// the last key it is some other key, whose weights are 0; past the last column it is zeroed when stored.
fn next_key(place: Place, t0: u32, n: u32) -> Piece {
    let t = min(t0 + place.piece_row + n * ROUND, place.last);
    if PAST || KV_BIAS {
        return source_key_piece(place.b, place.n, t, place.key_column);
    }
    return key_piece(place.key_at + t * params.key.row, params.head_size - place.key_column);
}

fn next_value(place: Place, t0: u32, n: u32) -> Piece {
    let t = min(t0 + place.piece_row + n * ROUND, place.last);
    if PAST || KV_BIAS {
        return source_value_piece(place.b, place.n, t, place.value_column);
    }
    return value_piece(place.value_at + t * params.value.row, params.v_head_size - place.value_column);
}

// Whether this lane has a piece in round n.
fn has_piece(place: Place, n: u32) -> bool {
    return place.piece_row < ROUND && place.piece_row + n * ROUND < KEY_TILE;
}

fn store_key(place: Place, n: u32, piece: Piece, at: u32) {
    if has_piece(place, n) {
        put_key_piece(at + place.piece_at + n * ROUND * TILE_ROW, select(Piece(), piece, place.key_is_inside));
    }
}

// Columns past the last make columns of O that are not stored.
fn store_value(place: Place, n: u32, piece: Piece, at: u32) {
    if has_piece(place, n) {
        put_value_piece(at + place.piece_at + n * ROUND * TILE_ROW, piece);
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
