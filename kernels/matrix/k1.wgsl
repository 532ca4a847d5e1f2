// A tile of 1 block of keys.
struct TileScores {
    k0: SumBlocks,
}

fn tile_scores(q: Queries) -> TileScores {
    return TileScores(block_scores(q, 0u));
}

fn put_tile_scores(s: TileScores, place: Place) {
    put_sums(s.k0, place, 0u);
}

struct TileWeights {
    k0: LeftBlocks,
}

fn load_weights(place: Place) -> TileWeights {
    return TileWeights(left_blocks(place, 0u));
}

fn add_values(before: Outputs, w: TileWeights) -> Outputs {
    var o = before;
    o = add_block(o, w.k0, 0u);
    return o;
}
