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

fn add_values(before: Outputs, place: Place) -> Outputs {
    var o = before;
    o = add_block(o, left_blocks(place, 0u), 0u);
    o = add_block(o, left_blocks(place, 1u), 1u);
    o = add_block(o, left_blocks(place, 2u), 2u);
    o = add_block(o, left_blocks(place, 3u), 3u);
    return o;
}
