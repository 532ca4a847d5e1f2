// Queries and weights as operands in two parts, by way of workgroup memory. Low parts are in the second half of each area.
// Small weights of a row whose largest are e^5 lose nothing that shows.
const HEADROOM: f32 = 5.0;
// For slow_weight: weights are of any size here.
const WEIGHT_FACTOR: f32 = 1.0;

fn left_matrix(place: Place, row_block: u32, key_block: u32) -> Left {
    let at = place.area + row_block * KEY_TILE + key_block * SIDE;
    return Left(
        coopLoadT<LeftMatrix>(&weights[at / UNIT], SCORES_ROW / UNIT),
        coopLoadT<LeftMatrix>(&weights[at / UNIT + SCORES_LENGTH], SCORES_ROW / UNIT),
    );
}

fn put_weights4(at: u32, x: vec4<f32>) {
    let high = high_part(x);
    put_weights(at, vec4<f16>(high));
    put_weights(at + SCORES_LENGTH * UNIT, vec4<f16>(x - high));
}

fn put_query4(at: u32, x: vec4<f32>) {
    put_weights4(at, in_range(x * SPREAD));
}

// Where two parts are not enough what is left of high parts comes first, in two parts of its own.
fn store_first_values(place: Place, first: Ahead) {
    if has_rest(place) {
        store_values(place, rest_pieces(first), 0u);
    } else {
        store_values(place, first, 0u);
    }
}

// O of what is left, in the first round, after which high parts take its place.
fn add_first_rest(before: Outputs, w: TileWeights, place: Place, is_first: bool) -> Outputs {
    var o = before;
    // A loop instead of a branch, as naga can't tell that all lanes take the same.
    for (var is_left = is_first && has_rest(place); is_left; is_left = false) {
        o = add_values(o, w);
        workgroupBarrier();
        store_values(place, high_pieces(load_values(place, place.t_begin)), 0u);
        workgroupBarrier();
    }
    return o;
}
