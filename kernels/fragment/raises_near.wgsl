// What references are raised for: the tile whose scores have outgrown them.
fn with_next(most: SumBlocks, q: Queries, place: Place, half: u32, t0: u32) -> SumBlocks {
    return most;
}
