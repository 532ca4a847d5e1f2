// The prefill lane on cooperative matrices. A subgroup takes ROW_BLOCKS blocks of query rows and keeps their Q and O in
// matrices; keys pass through workgroup memory in small tiles. No element of a matrix can be reached, so scores go
// through workgroup memory, where LANES_A_ROW lanes make weights of each row. Every tile takes two turns between
// barriers, so that matrices and softmax have something to do at the same time: in the first, weights are made of the
// tile's scores while the next tile is multiplied by Q; in the second, weights are multiplied by values. N is how many vec4
// of a tile's keys each lane of a row has, and M how many tiles a round of the loop takes: two each, or one where registers and the instruction
// cache are small.

// Weights are float16, of which 65504 is the largest. A row bets that its scores exceed those of its first tile by little;
// past this sum of a lane's weights of a tile the bet is lost, and the row is scaled down.
const LARGEST_SUM: f32 = 32768.0;

// ${"Two vec4" if N == 2 else "A vec4"} of keys for each lane of a row.
const KEY_TILE: u32 = LANES_A_ROW * ${4 * N}u;
// Keys in workgroup memory.
const HELD_KEYS: u32 = KEY_TILE;
// All subgroups see all keys.
const KEY_GROUPS: u32 = 1u;
// Rows in workgroup memory are padded so that neighbours are on different banks. In scores, row i of every block of query rows
// stands side by side with those of the others.
const TILE_ROW: u32 = COLUMNS + 8u;

// Named, as naga 30 cannot process the override of an unnamed array length. All in numbers.
override SCORES_ROW: u32 = SUBGROUPS * ROW_BLOCKS * KEY_TILE + 8u;
override SCORES_LENGTH: u32 = SIDE * SCORES_ROW / UNIT;
override WEIGHTS_LENGTH: u32 = PARTS * SCORES_LENGTH;
const TILE_AREA: u32 = PARTS * KEY_TILE * TILE_ROW / UNIT;

// Each takes a multiple of 16 bytes, since matrices are loaded from addresses that are.
var<workgroup> scores: array<Score, SCORES_LENGTH>;
var<workgroup> weights: array<Half, WEIGHTS_LENGTH>;
var<workgroup> keys: array<Half, TILE_AREA>;
var<workgroup> values: array<Half, TILE_AREA>;
// Whether some row lost its bet in this tile, and whether some value was out of the range of operands.
var<workgroup> flags: array<atomic<u32>, 4>;
const LOST: u32 = 0u;
const BEYOND: u32 = 1u;

// A lane's scores, or weights, of one row in a tile.
struct LaneKeys {
    low: vec4<f32>,
    //% if N == 2
    high: vec4<f32>,
    //% endif
}

fn put_sum(sum: SumMatrix, place: Place, row_block: u32, key_block: u32) {
    let at = place.area + row_block * KEY_TILE + key_block * SIDE;
    coopStoreT(sum, &scores[at / UNIT], SCORES_ROW / UNIT);
}

fn get_sum(place: Place, row_block: u32) -> SumMatrix {
    return coopLoadT<SumMatrix>(&scores[(place.area + row_block * KEY_TILE) / UNIT], SCORES_ROW / UNIT);
}

// Puts a block of columns of this lane's query row where weights will be.
fn stage_query(row: Row, place: Place, row_block: u32, column_block: u32) {
    for (var c = place.part * 4u; c < SIDE; c += LANES_A_ROW * 4u) {
        let h = column_block * SIDE + c;
        var x = vec4<f32>();
        if row.s < place.rows_end && h < params.head_size {
            x = source_query4(place.b, place.n, row.s, h);
        }
        put_query4(place.row_area + row_block * KEY_TILE + c, x);
    }
}

// Multiplies a block of columns of this lane's row of O, where scores are.
fn scale_staged(row: Row, place: Place, row_block: u32) {
    for (var c = place.part * 4u; c < SIDE; c += LANES_A_ROW * 4u) {
        let at = place.row_area + row_block * KEY_TILE + c;
        put_scores(at, get_scores(at) * row.shrink);
    }
}

// Stores a block of columns of this lane's row of O.
fn store_staged(row: Row, place: Place, row_block: u32, column_block: u32) {
    for (var c = place.part * 4u; c < SIDE; c += LANES_A_ROW * 4u) {
        let h = column_block * SIDE + c;
        if row.s < place.rows_end && h < params.v_head_size {
            store_row4(row, place, h, get_scores(place.row_area + row_block * KEY_TILE + c) * OUTPUT_FACTOR);
        }
    }
}

fn lane_scores(place: Place, row_block: u32) -> LaneKeys {
    let at = place.row_area + row_block * KEY_TILE + place.part * 4u;
    return LaneKeys(get_scores(at)${", get_scores(at + LANES_A_ROW * 4u)" if N == 2 else ""});
}

fn put_lane_weights(w: LaneKeys, place: Place, row_block: u32) {
    let at = place.row_area + row_block * KEY_TILE + place.part * 4u;
    put_weights4(at, w.low);
    //% if N == 2
    put_weights4(at + LANES_A_ROW * 4u, w.high);
    //% endif
}

fn lane_total(w: LaneKeys) -> f32 {
    let x = w.low${" + w.high" if N == 2 else ""};
    return (x.x + x.y) + (x.z + x.w);
}

// Weights where scores are scale · q·k and nothing else.
fn plain_weights(x: LaneKeys, reference: f32) -> LaneKeys {
    let factor = vec4<f32>(score_factor() * PRODUCT_FACTOR);
    let low = fma(x.low, factor, vec4<f32>(-reference));
    //% if N == 2
    let high = fma(x.high, factor, vec4<f32>(-reference));
    //% endif
    if LOG2_SCORES {
        return LaneKeys(exp2(low)${", exp2(high)" if N == 2 else ""});
    }
    return LaneKeys(exp2(low * LOG2_E)${", exp2(high * LOG2_E)" if N == 2 else ""});
}

// Scores of keys t to t + 3 from q·k. LOWEST past the last key.
fn score4(x: vec4<f32>, row: Row, place: Place, t: u32) -> vec4<f32> {
    var s = x * (score_factor() * PRODUCT_FACTOR);
    if ATTENTION_BIAS || PADDING_MASK != 0u || CAUSAL {
        let row_s = min(row.s, place.rows_end - 1u);
        s = vec4<f32>(
            masked_score(s.x, place.b, place.n, row_s, min(t, place.last)),
            masked_score(s.y, place.b, place.n, row_s, min(t + 1u, place.last)),
            masked_score(s.z, place.b, place.n, row_s, min(t + 2u, place.last)),
            masked_score(s.w, place.b, place.n, row_s, min(t + 3u, place.last)),
        );
    }
    return select(vec4<f32>(LOWEST), s, vec4<u32>(t, t + 1u, t + 2u, t + 3u) < vec4<u32>(place.t_end));
}

fn weight4(x: vec4<f32>, row: Row, place: Place, t: u32) -> vec4<f32> {
    let s = score4(x, row, place, t) - row.reference;
    let w = exp2(select(s * LOG2_E, s, LOG2_SCORES));
    return select(vec4<f32>(), w, vec4<u32>(t, t + 1u, t + 2u, t + 3u) < vec4<u32>(place.t_end));
}

// Weights where masks or the end of the keys matter, of the tile at key t0.
fn masked_weights(x: LaneKeys, row: Row, place: Place, t0: u32) -> LaneKeys {
    let t = t0 + place.part * 4u;
    return LaneKeys(weight4(x.low, row, place, t)${", weight4(x.high, row, place, t + LANES_A_ROW * 4u)" if N == 2 else ""});
}

// Gives a row a reference that no score of the tile at key t0 exceeds by more than HEADROOM, and makes its weights anew.
fn weigh_again(row_before: Row, place: Place, t0: u32, row_block: u32) -> Row {
    var row = row_before;
    for (var k = 0u; k < KEY_TILE; k += 4u) {
        let s = score4(get_scores(place.row_area + row_block * KEY_TILE + k), row, place, t0 + k);
        row.reference = max(row.reference, max(max(s.x, s.y), max(s.z, s.w)) - HEADROOM);
    }
    row.shrink = weight(row_before.reference - row.reference);
    row.sum *= row.shrink;
    let w = masked_weights(lane_scores(place, row_block), row, place, t0);
    row.total = lane_total(w);
    put_lane_weights(w, place, row_block);
    return row;
}

// What the first turn of a tile makes: the next tile's scores, the rows with this tile's totals, its weights, and whether some
// row lost its bet. Weights are loaded before that is looked at, so that the two are waited for together.
struct Turn {
    scores: TileScores,
    rows: Rows,
    weights: TileWeights,
    is_lost: bool,
}

// The first turn of the tile at key t0, whose scores are in workgroup memory: its weights are made and its values stored.
fn first_turn(q: Queries, rows: Rows, values: Ahead, place: Place, t0: u32) -> Turn {
    var turn: Turn;
    workgroupBarrier();
    //% if M == 1
    turn.scores = tile_scores(q);
    if is_masked(place, t0) {
        turn.rows = weigh_masked(rows, place, t0);
    } else {
        turn.rows = weigh(rows, place);
    }
    //% else
    // In both branches, so that either has products to compute meanwhile.
    if is_masked(place, t0) {
        turn.scores = tile_scores(q);
        turn.rows = weigh_masked(rows, place, t0);
    } else {
        turn.scores = tile_scores(q);
        turn.rows = weigh(rows, place);
    }
    //% endif
    if has_lost(turn.rows) {
        atomicStore(&flags[LOST], 1u);
    }
    store_values(place, values, 0u);
    workgroupBarrier();
    turn.is_lost = atomicLoad(&flags[LOST]) != 0u;
    turn.weights = load_weights(place);
    return turn;
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
    place.area = subgroup * ROW_BLOCKS * KEY_TILE;
    place.row_area = place.area + lane / LANES_A_ROW * SCORES_ROW;
    let tiles = (max(place.t_end, t_begin) - t_begin + KEY_TILE - 1u) / KEY_TILE;

    if local_index < 2u {
        atomicStore(&flags[local_index], 0u);
    }
    workgroupBarrier();
    var rows = first_rows(place.rows_begin + subgroup * ROW_BLOCKS * SIDE + lane / LANES_A_ROW);
    let q = load_queries(rows, place);
    store_keys(place, load_keys(place, t_begin), 0u);
    store_first_values(place, load_values(place, t_begin));
    var first_keys = load_keys(place, t_begin + KEY_TILE);
    //% if M == 2
    var second_keys = load_keys(place, t_begin + 2u * KEY_TILE);
    //% endif
    var first_values = load_values(place, t_begin + KEY_TILE);
    //% if M == 2
    var second_values = Ahead();
    //% endif
    workgroupBarrier();
    var next = Turn();
    next.scores = tile_scores(q);
    next.rows = rows;
    put_tile_scores(next.scores, place);
    workgroupBarrier();
    store_keys(place, first_keys, 0u);
    //% if M == 1
    first_keys = load_keys(place, t_begin + 2u * KEY_TILE);
    //% else
    first_keys = second_keys;
    second_keys = load_keys(place, t_begin + 3u * KEY_TILE);
    //% endif
    workgroupBarrier();
    next.scores = tile_scores(q);

    var o = Outputs();
    var i = 0u;
    // One round for each lost bet, the first of which is that rows have no reference yet. It is apart from the loop over
    // tiles, so that a compiler moves no matrix for its sake there.
    while i < tiles {
        // Weights that some lane may still load are made anew.
        workgroupBarrier();
        next.rows = weigh_rows_again(next.rows, place, t_begin + i * KEY_TILE);
        workgroupBarrier();
        if local_index == 0u {
            atomicStore(&flags[LOST], 0u);
        }
        // Not in the first round. Loops instead of branches where naga can't tell that all lanes take the same.
        for (var scaled = i; scaled != 0u; scaled = 0u) {
            o = scale_outputs(o, next.rows, place);
        }
        next.weights = load_weights(place);
        o = add_first_rest(o, next.weights, place, i == 0u);
        //% if M == 1
        // One tile a round, keys and values one tile ahead.
        //% else
        // Two tiles a round, each with its own registers for what is loaded ahead: keys two tiles ahead, values one to two. A
        // move from one's to the other's would wait for the load.
        //% endif
        loop {
            // The second turn of tile i: its weights and values are in workgroup memory.
            next.rows = with_totals(next.rows);
            o = add_values(o, next.weights);
            put_tile_scores(next.scores, place);
            store_keys(place, first_keys, 0u);
            //% if M == 1
            first_keys = load_keys(place, t_begin + (i + 3u) * KEY_TILE);
            i++;
            if i >= tiles {
                break;
            }
            next = first_turn(q, next.rows, first_values, place, t_begin + i * KEY_TILE);
            first_values = load_values(place, t_begin + (i + 1u) * KEY_TILE);
            //% else
            first_keys = load_keys(place, t_begin + (i + 4u) * KEY_TILE);
            second_values = load_values(place, t_begin + (i + 2u) * KEY_TILE);
            i++;
            if i >= tiles {
                break;
            }
            next = first_turn(q, next.rows, first_values, place, t_begin + i * KEY_TILE);
            if next.is_lost {
                // The loop begins with the first.
                let keys = first_keys;
                first_keys = second_keys;
                second_keys = keys;
                first_values = second_values;
                break;
            }

            next.rows = with_totals(next.rows);
            o = add_values(o, next.weights);
            put_tile_scores(next.scores, place);
            store_keys(place, second_keys, 0u);
            second_keys = load_keys(place, t_begin + (i + 4u) * KEY_TILE);
            first_values = load_values(place, t_begin + (i + 2u) * KEY_TILE);
            i++;
            if i >= tiles {
                break;
            }
            next = first_turn(q, next.rows, second_values, place, t_begin + i * KEY_TILE);
            //% endif
            if next.is_lost {
                break;
            }
        }
    }

    rows = next.rows;
    rows = with_row_sums(rows, place);
    store_outputs(o, rows, place);
    answer_beyond(rows, place, t_begin);
}
