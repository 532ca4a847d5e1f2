// What references are raised for: the tile whose scores have outgrown them and the next, whose keys are there too. With scores that are
// spread out, that would else be the next to do so.
fn with_next(most: SumBlocks, q: Queries, place: Place, half: u32, t0: u32) -> SumBlocks {
    let next = absolute_scores(tile_products(q, place, 1u - half), place, t0 + KEY_TILE);
    return larger_blocks(most, largest_scores(next));
}
