// As take_turns, as long as this tile and the next end before key `end`.
fn take_plain_turns(before: Turns, q: Queries, place: Place, end: u32) -> Turns {
    var turns = before;
    if turns.t + 2u * KEY_TILE > end {
        return turns;
    }
    loop {
        //% for i in range(N)
        turns.state = advance_plain(turns.state, q, place, turns.half, turns.t);
        turns.t += KEY_TILE;
        turns.half = 1u - turns.half;
        workgroupBarrier();
        if turns.t + 2u * KEY_TILE > end || has_lost(turns.half) {
            break;
        }
        //% endfor
    }
    return turns;
}
