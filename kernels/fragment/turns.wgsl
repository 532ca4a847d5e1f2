// Goes on to the last tile, or until scores outgrow references. N tiles a round: with two a compiler need not move what one makes to
// where it was before, with one it has registers to spare.
fn take_turns(before: Turns, q: Queries, place: Place) -> Turns {
    var turns = before;
    loop {
        //% for i in range(N)
        turns.state = advance(turns.state, q, place, turns.half, turns.t);
        turns.t += KEY_TILE;
        turns.half = 1u - turns.half;
        workgroupBarrier();
        if turns.t >= place.t_end || has_lost(turns.half) {
            break;
        }
        //% endfor
    }
    return turns;
}
