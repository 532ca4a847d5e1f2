// The prefill lane on cooperative matrices whose elements can be reached. A subgroup takes ROW_BLOCKS blocks of query rows and
// keeps Q, O, scores and weights in matrices; keys and values alone pass through workgroup memory, in two halves, one of which is
// filled while the other is in use. Two things of different tiles are made between two barriers, neither of which waits for the
// other: the products of a tile's keys, and the weights and weighted values of the tile before.

// The largest weight is an operand, of float16.
const_assert WEIGHT_FACTOR * exp2(LARGEST_LOG2) < 65504.0;
const_assert WEIGHT_FACTOR * exp(LARGEST_NATURAL) < 65504.0;

const KEY_TILE: u32 = KEY_GROUPS * KEY_BLOCKS * SIDE;
// Keys in workgroup memory.
const HELD_KEYS: u32 = 2u * KEY_TILE;
// Rows in workgroup memory are padded so that neighbours are on different banks.
const TILE_ROW: u32 = COLUMNS + 8u;
const HALF: u32 = KEY_TILE * TILE_ROW;
const TILE_AREA: u32 = PARTS * HELD_KEYS * TILE_ROW / UNIT;
// A matrix of each subgroup, for what rows need to know of their elements.
override SCORES_LENGTH: u32 = SUBGROUPS * SIDE * SIDE / UNIT;
// Before there are keys, subgroups stage Q there, and in float16 O after them.
override KEYS_LENGTH: u32 = max(TILE_AREA, SUBGROUPS * SIDE * STAGED_ROW / UNIT);

var<workgroup> scores: array<Score, SCORES_LENGTH>;
var<workgroup> keys: array<Half, KEYS_LENGTH>;
var<workgroup> values: array<Half, TILE_AREA>;
// Whether scores have outgrown references, a flag for each half, and whether some value was out of the range of operands.
var<workgroup> flags: array<atomic<u32>, 4>;
const BEYOND: u32 = 2u;

// What a subgroup holds. Behind the barrier that comes before tile i's weighted values, scores are of tile i, and products of tile
// i + 1 can be made.
struct State {
    o: Outputs,
    // Of weights, element by element.
    sums: SumBlocks,
    // What a row's scores are relative to, in all elements of the row.
    references: SumBlocks,
    scores: TileSums,
    // What has been loaded of the tiles that come into workgroup memory next: i + 2 of keys, i + 1 of values.
    keys_ahead: Ahead,
    values_ahead: Ahead,
}

// Orders what the lanes of a subgroup do in workgroup memory. mha-gpu adds that memory to what the barrier orders.
fn order_lanes() {
    subgroupBarrier();
}

// Puts a matrix into the subgroup's part of workgroup memory.
fn stage(x: SumMatrix, place: Place) {
    order_lanes();
    coopStoreT(x, &scores[place.area / UNIT], SIDE / UNIT);
    order_lanes();
}

fn staged(place: Place) -> SumMatrix {
    order_lanes();
    return coopLoadT<SumMatrix>(&scores[place.area / UNIT], SIDE / UNIT);
}

// What a lane has of its row in a matrix: two vectors of four, LANES_A_ROW vectors apart. Written out, as a loop that starts at a lane's
// own column would be one to a compiler.
struct RowPart {
    low: vec4<f32>,
    high: vec4<f32>,
}
const PART_STEP: u32 = LANES_A_ROW * 4u;
const_assert SIDE == 2u * PART_STEP;

fn staged_part(place: Place) -> RowPart {
    let at = place.row_area + place.part * 4u;
    return RowPart(get_scores(at), get_scores(at + PART_STEP));
}

// The matrix of which all lanes put their parts of a row.
fn matrix_of_parts(part: RowPart, place: Place) -> SumMatrix {
    order_lanes();
    let at = place.row_area + place.part * 4u;
    put_scores(at, part.low);
    put_scores(at + PART_STEP, part.high);
    return staged(place);
}

// A number of each row, in all of the row's elements.
fn matrix_of_rows(x: f32, place: Place) -> SumMatrix {
    return matrix_of_parts(RowPart(vec4<f32>(x), vec4<f32>(x)), place);
}

// Numbers the elements, row by row.
fn positions(place: Place) -> SumMatrix {
    let first = place.row_area - place.area + place.part * 4u;
    let low = vec4<f32>(vec4<u32>(first, first + 1u, first + 2u, first + 3u));
    return matrix_of_parts(RowPart(low, low + f32(PART_STEP)), place);
}

// The largest of a number over the lanes of a row.
fn row_largest(x: f32) -> f32 {
    var largest = x;
    for (var i = 1u; i < LANES_A_ROW; i *= 2u) {
        largest = max(largest, subgroupShuffleXor(largest, i));
    }
    return largest;
}

// Each row's largest score less HEADROOM, in all of the row's elements.
fn largest_of_rows(x: SumMatrix, place: Place) -> SumMatrix {
    stage(x, place);
    let part = staged_part(place);
    let most = max(part.low, part.high);
    return matrix_of_rows(row_largest(max(max(most.x, most.y), max(most.z, most.w))) - HEADROOM, place);
}

// The sum of this lane's part of its row.
fn staged_sum(place: Place) -> f32 {
    let part = staged_part(place);
    let sum = part.low + part.high;
    return (sum.x + sum.y) + (sum.z + sum.w);
}

// Stores a block of columns of this lane's row of O.
fn store_staged(row: Row, place: Place, column_block: u32) {
    let part = staged_part(place);
    let h = column_block * SIDE + place.part * 4u;
    if row.s < place.rows_end && h < params.v_head_size {
        store_row4(row, place, h, part.low * OUTPUT_FACTOR);
    }
    if row.s < place.rows_end && h + PART_STEP < params.v_head_size {
        store_row4(row, place, h + PART_STEP, part.high * OUTPUT_FACTOR);
    }
}

// Notes whether some row's scores exceed its reference by too much. Flags take turns, as lanes that are late may still ask for the
// one of the tile before.
fn look_at(x: TileSums, half: u32) {
    if exceeds(x) {
        atomicStore(&flags[half], 1u);
    }
}

// Whether some lane noted that. To be asked behind a barrier.
fn has_lost(half: u32) -> bool {
    return atomicLoad(&flags[half]) != 0u;
}

// Where keys end that this row and those after it see, with nothing added to their scores: causality hides nothing up to a row's own key.
fn unmasked_end(place: Place, row: u32) -> u32 {
    if ATTENTION_BIAS || PADDING_MASK != 0u {
        return place.t_begin;
    }
    return select(place.t_end, min(place.t_end, row + params.past_len + 1u), CAUSAL);
}

// Whether all rows of the subgroup see all keys of the tile at key t0.
fn is_seen(place: Place, t0: u32) -> bool {
    return t0 + KEY_TILE <= unmasked_end(place, place.row);
}

// Whether none of them sees a key of it that weighs anything. From the last row of all nothing is hidden.
fn is_hidden(place: Place, t0: u32) -> bool {
    let rows_end = place.row + ROW_BLOCKS * SIDE;
    return CAUSAL_SKIP && rows_end < params.q_len && t0 >= rows_end + params.past_len;
}

// Stores what was loaded, and loads what is stored next, where the tile at key t is in use in this half.
fn move_tiles(before: State, place: Place, half: u32, t: u32) -> State {
    var state = before;
    store_keys(place, state.keys_ahead, half * HALF);
    store_values(place, state.values_ahead, (1u - half) * HALF);
    hold_loads();
    state.keys_ahead = load_keys(place, t + 3u * KEY_TILE);
    state.values_ahead = load_values(place, t + 2u * KEY_TILE);
    return state;
}

// What comes between two barriers, for the tile at key t, whose keys and values are in this half.
fn advance(before: State, q: Queries, place: Place, half: u32, t: u32) -> State {
    var state = move_tiles(before, place, half, t);
    let weighed = weigh(state.scores, state.sums);
    state.sums = weighed.sums;
    state.o = add_seen(state.o, weighed.weights, place, half, t);
    let products = seen_products(q, place, 1u - half, t + KEY_TILE);
    state.scores = relative_scores(products, state.references, place, t + KEY_TILE);
    look_at(state.scores, 1u - half);
    return state;
}

// The same where neither this tile nor the next has anything to mask.
fn advance_plain(before: State, q: Queries, place: Place, half: u32, t: u32) -> State {
    var state = move_tiles(before, place, half, t);
    let weighed = weigh(state.scores, state.sums);
    state.sums = weighed.sums;
    state.o = add_tile(state.o, weighed.weights, place, half);
    let products = tile_products(q, place, 1u - half);
    state.scores = plain_scores(products, state.references);
    look_at(state.scores, 1u - half);
    return state;
}

// Where a workgroup is: at the tile at key t, in this half.
struct Turns {
    state: State,
    t: u32,
    half: u32,
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    var place = place_of_lane(workgroup, local_index, subgroup, lane);
    let t_begin = place.t_begin;
    let row_subgroups = SUBGROUPS / KEY_GROUPS;
    place.area = subgroup * SIDE * SIDE;
    place.row_area = place.area + lane / LANES_A_ROW * SIDE;
    place.row = place.rows_begin + subgroup % row_subgroups * ROW_BLOCKS * SIDE;
    place.key_block = subgroup / row_subgroups * KEY_BLOCKS;
    let tiles = (max(place.t_end, t_begin) - t_begin + KEY_TILE - 1u) / KEY_TILE;

    if local_index <= BEYOND {
        atomicStore(&flags[local_index], 0u);
    }
    workgroupBarrier();
    var rows = first_rows(place.row + lane / LANES_A_ROW);
    let first_keys = load_keys(place, t_begin);
    let first_values = load_values(place, t_begin);
    let second_keys = load_keys(place, t_begin + KEY_TILE);
    let q = load_queries(rows, place);
    workgroupBarrier();
    store_keys(place, first_keys, 0u);
    store_first_values(place, first_values);
    store_keys(place, second_keys, HALF);
    var state: State;
    state.keys_ahead = load_keys(place, t_begin + 2u * KEY_TILE);
    state.values_ahead = load_values(place, t_begin + KEY_TILE);
    workgroupBarrier();
    state.references = lowest_references();
    if tiles != 0u {
        state = raise_first(state, q, place, 0u, t_begin);
        state = add_first_rest(state, place);
    }
    workgroupBarrier();

    var turns = Turns(state, t_begin, 0u);
    // One round for each time that scores have outgrown references. It is apart from the loop over tiles, so that a compiler moves
    // no matrix for its sake there.
    while turns.t < place.t_end {
        if has_lost(turns.half) {
            turns.state = raise_again(turns.state, q, place, turns.half, turns.t);
            workgroupBarrier();
            if local_index == 0u {
                atomicStore(&flags[turns.half], 0u);
            }
            workgroupBarrier();
        }
        turns = take_tiles(turns, q, place);
    }

    state = merged(turns.state, place);
    place.rows_end = select(0u, place.rows_end, place.key_block == 0u);
    rows = rows_of(rows, state, place);
    answer(state.o, rows, place);
    answer_beyond(rows, place, t_begin);
}
