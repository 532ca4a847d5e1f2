// Tiles that a subgroup's rows don't see are left out.
fn add_seen(before: Outputs, weights: TileWeights, place: Place, half: u32, t: u32) -> Outputs {
    var o = before;
    if !is_hidden(place, t) {
        o = add_tile(before, weights, place, half);
    }
    return o;
}

fn seen_products(q: Queries, place: Place, half: u32, t: u32) -> TileSums {
    var products = TileSums();
    if !is_hidden(place, t) && t < place.t_end {
        products = tile_products(q, place, half);
    }
    return products;
}
