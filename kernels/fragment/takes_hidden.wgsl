// Tiles that a subgroup's rows don't see, by their first key t, are multiplied as all others: a branch in a loop costs moves.
fn add_seen(o: Outputs, weights: TileWeights, place: Place, half: u32, t: u32) -> Outputs {
    return add_tile(o, weights, place, half);
}

fn seen_products(q: Queries, place: Place, half: u32, t: u32) -> TileSums {
    return tile_products(q, place, half);
}
