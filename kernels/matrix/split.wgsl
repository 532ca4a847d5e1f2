// Operands of matrices from float32 tensors: each number is a sum of two float16, and a product takes three of the four
// products of parts, as the fourth is below float32's precision.
const PARTS: u32 = 2u;
// Numbers are multiplied by it first. float16 rounds to 2^-25 at best, which both parts of a small number do, so that they are exact to
// 2^-29; numbers beyond 65504 / 32 have no parts.
const SPREAD: f32 = 32.0;
const LARGEST: f32 = 65504.0;
const PRODUCT_FACTOR: f32 = 1.0 / (SPREAD * SPREAD);
const OUTPUT_FACTOR: f32 = 1.0 / SPREAD;

struct Left {
    high: LeftMatrix,
    low: LeftMatrix,
}

struct Right {
    high: RightMatrix,
    low: RightMatrix,
}

// The high part as float32, rounded, so that low parts have either sign and the products of two, which are left out, cancel. Its float16
// is exact from 2^-14 on. By bits, since compilers take a conversion to float16 and back for none.
fn high_part(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>((bitcast<vec4<u32>>(x) + vec4<u32>(0x1000u)) & vec4<u32>(0xffffe000u));
}

fn product(a: Left, b: Right, sum: SumMatrix) -> SumMatrix {
    return coopMultiplyAdd(a.high, b.high, coopMultiplyAdd(a.high, b.low, coopMultiplyAdd(a.low, b.high, sum)));
}

// Low parts are in the second half of each area.
fn key_matrix(key_block: u32, column_block: u32) -> Right {
    let at = key_block * SIDE * TILE_ROW + column_block * SIDE;
    return Right(
        coopLoad<RightMatrix>(&keys[at / UNIT], TILE_ROW / UNIT),
        coopLoad<RightMatrix>(&keys[(at + HELD_KEYS * TILE_ROW) / UNIT], TILE_ROW / UNIT),
    );
}

fn value_matrix(key_block: u32, column_block: u32) -> Right {
    let at = key_block * SIDE * TILE_ROW + column_block * SIDE;
    return Right(
        coopLoadT<RightMatrix>(&values[at / UNIT], TILE_ROW / UNIT),
        coopLoadT<RightMatrix>(&values[(at + HELD_KEYS * TILE_ROW) / UNIT], TILE_ROW / UNIT),
    );
}

fn in_range(x: vec4<f32>) -> vec4<f32> {
    if any(abs(x) > vec4<f32>(LARGEST)) {
        atomicStore(&flags[BEYOND], 1u);
    }
    return x;
}

fn put_key_piece(at: u32, piece: Piece) {
    let x = in_range(piece * SPREAD);
    let high = high_part(x);
    put_keys(at, vec4<f16>(high));
    put_keys(at + HELD_KEYS * TILE_ROW, vec4<f16>(x - high));
}

fn put_value_piece(at: u32, piece: Piece) {
    let x = in_range(piece * SPREAD);
    let high = high_part(x);
    put_values(at, vec4<f16>(high));
    put_values(at + HELD_KEYS * TILE_ROW, vec4<f16>(x - high));
}

// Whether a row may see few keys, so that two parts of the first tile's values are not enough: a row that copies one shows the bit they
// lose of some. Not with natural scores, whose largest weight is a power of e, of which no two parts are all.
fn has_rest(place: Place) -> bool {
    return LOG2_SCORES && is_masked(place, place.t_begin);
}

// The score of a row and a key, in the units of references.
fn slow_score(row: Row, place: Place, t: u32) -> f32 {
    var x = 0.0;
    for (var h = 0u; h < params.head_size; h += 4u) {
        x += dot(source_query4(place.b, place.n, row.s, h), source_key4(place.b, place.n, t, h));
    }
    return masked_score(x * score_factor(), place.b, place.n, row.s, t);
}

// A weight as the loop makes it, whose results of other keys these are merged with.
fn slow_weight(row: Row, place: Place, t: u32) -> f32 {
    return WEIGHT_FACTOR * weight(slow_score(row, place, t) - row.reference);
}

// The answer of one row without matrices.
fn answer_slowly(row_before: Row, place: Place, t_begin: u32) {
    var row = row_before;
    if row.s >= place.rows_end {
        return;
    }
    row.reference = LOWEST;
    row.sum = 0.0;
    for (var t = t_begin; t < place.t_end; t++) {
        row.reference = max(row.reference, slow_score(row, place, t));
    }
    for (var t = t_begin; t < place.t_end; t++) {
        row.sum += slow_weight(row, place, t);
    }
    store_stats(row, place);
    for (var h = place.part * 4u; h < params.v_head_size; h += LANES_A_ROW * 4u) {
        var x = vec4<f32>();
        for (var t = t_begin; t < place.t_end; t++) {
            x += slow_weight(row, place, t) * source_value4(place.b, place.n, t, h);
        }
        store_row4(row, place, h, x);
    }
}

// Answers the workgroup's rows anew, of which a lane has one in each block, where something was out of range. Slow, and rare.
fn answer_beyond(rows: Rows, place: Place, t_begin: u32) {
    workgroupBarrier();
    if atomicLoad(&flags[BEYOND]) != 0u {
        for (var block = 0u; block < ROW_BLOCKS; block++) {
            var row = rows.r0;
            row.s += block * SIDE;
            answer_slowly(row, place, t_begin);
        }
    }
}
