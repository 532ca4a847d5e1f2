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

fn add_values(before: Outputs, place: Place) -> Outputs {
    var o = before;
    o = add_block(o, left_blocks(place, 0u), 0u);
    return o;
}
