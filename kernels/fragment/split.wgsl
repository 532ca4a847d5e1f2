// Left operands from sums, each number in two parts.
// How far a row's first largest score is above its reference: the nearer it is, the more digits are left of it.
const HEADROOM: f32 = 2.0;
// Weights are multiplied by it, as small ones lose digits to float16: a thousand equal ones beside the largest then lose nothing that shows.
const WEIGHT_FACTOR: f32 = 8.0;
// Scores may exceed their row's reference by this, in units of log2 or of e: 2^12 and e^9 times the factor are below 65504.
const LARGEST_LOG2: f32 = 12.0;
const LARGEST_NATURAL: f32 = 9.0;

// As high_part.
fn rounded(x: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) + 0x1000u) & 0xffffe000u);
}

fn high_of(x: f32) -> f16 {
    return f16(rounded(x));
}

fn low_of(x: f32) -> f16 {
    return f16(x - rounded(x));
}

fn each_high_of(x: SumMatrix) -> LeftMatrix {
    return LeftMatrix() * high_of(0.0);
}

fn each_low_of(x: SumMatrix) -> LeftMatrix {
    return LeftMatrix() * low_of(0.0);
}

fn left_of(x: SumMatrix) -> Left {
    return Left(each_high_of(x), each_low_of(x));
}

fn put_query4(at: u32, x: vec4<f32>) {
    let spread = in_range(x * SPREAD);
    let high = high_part(spread);
    put_keys(at, vec4<f16>(high));
    put_keys(at + HELD_KEYS * TILE_ROW, vec4<f16>(spread - high));
}

fn query_matrix(at: u32) -> Left {
    return Left(
        coopLoadT<LeftMatrix>(&keys[at / UNIT], SIDE / UNIT),
        coopLoadT<LeftMatrix>(&keys[(at + HELD_KEYS * TILE_ROW) / UNIT], SIDE / UNIT),
    );
}

// Where two parts are not enough high parts go where the loop begins, and what is left of them in two parts into the other half, where
// the second tile comes later.
fn store_first_values(place: Place, first: Ahead) {
    if has_rest(place) {
        store_values(place, high_pieces(first), 0u);
        store_values(place, rest_pieces(first), HALF);
    } else {
        store_values(place, first, 0u);
    }
}

// O of what is left of the first tile's values, to which the loop adds their high parts.
fn add_first_rest(before: State, place: Place) -> State {
    var state = before;
    if has_rest(place) {
        state.o = add_tile(state.o, weigh(state.scores, state.sums).weights, place, 1u);
    }
    return state;
}
