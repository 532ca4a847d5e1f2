// Tiles in which nothing is masked in a loop of their own, which then has no branch but its end.
fn take_tiles(before: Turns, q: Queries, place: Place) -> Turns {
    let turns = take_plain_turns(before, q, place, unmasked_end(place, place.rows_begin));
    if has_lost(turns.half) {
        return turns;
    }
    return take_turns(turns, q, place);
}
