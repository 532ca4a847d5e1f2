// A tile of 4 blocks of keys.
struct TileScores {
    k0: SumBlocks,
    k1: SumBlocks,
    k2: SumBlocks,
    k3: SumBlocks,
}

fn tile_scores(q: Queries) -> TileScores {
    return TileScores(block_scores(q, 0u), block_scores(q, 1u), block_scores(q, 2u), block_scores(q, 3u));
}

fn put_tile_scores(s: TileScores, place: Place) {
    put_sums(s.k0, place, 0u);
    put_sums(s.k1, place, 1u);
    put_sums(s.k2, place, 2u);
    put_sums(s.k3, place, 3u);
}

struct TileWeights {
    k0: LeftBlocks,
    k1: LeftBlocks,
    k2: LeftBlocks,
    k3: LeftBlocks,
}

fn load_weights(place: Place) -> TileWeights {
    return TileWeights(left_blocks(place, 0u), left_blocks(place, 1u), left_blocks(place, 2u), left_blocks(place, 3u));
}

fn add_values(before: Outputs, w: TileWeights) -> Outputs {
    var o = before;
    o = add_block(o, w.k0, 0u);
    o = add_block(o, w.k1, 1u);
    o = add_block(o, w.k2, 2u);
    o = add_block(o, w.k3, 3u);
    return o;
}
