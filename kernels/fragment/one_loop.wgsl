// All tiles in one loop.
fn take_tiles(before: Turns, q: Queries, place: Place) -> Turns {
    return take_turns(before, q, place);
}
