// Queries and weights as operands in two parts, by way of workgroup memory. Low parts are in the second half of each area.
// Small weights of a row whose largest are e^5 lose nothing that shows.
const HEADROOM: f32 = 5.0;

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
