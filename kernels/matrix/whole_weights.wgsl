// Queries and weights as operands, by way of workgroup memory.
const HEADROOM: f32 = 0.0;

fn left_matrix(place: Place, row_block: u32, key_block: u32) -> Left {
    let at = place.area + row_block * KEY_TILE + key_block * SIDE;
    return coopLoadT<LeftMatrix>(&weights[at / UNIT], SCORES_ROW / UNIT);
}

fn put_query4(at: u32, x: vec4<f32>) {
    put_weights(at, vec4<f16>(x));
}

fn put_weights4(at: u32, x: vec4<f32>) {
    put_weights(at, vec4<f16>(x));
}

// Nothing is left of values that are float16.
fn store_first_values(place: Place, first: Ahead) {
    store_values(place, first, 0u);
}

fn add_first_rest(o: Outputs, w: TileWeights, place: Place, is_first: bool) -> Outputs {
    return o;
}
