// What a lane loads ahead of the next tile of keys, or of values: N pieces.
struct Ahead {
    //% for i in range(N)
    x${i}: Piece,
    //% endfor
}

fn load_keys(place: Place, t0: u32) -> Ahead {
    return Ahead(
        //% for i in range(N)
        next_key(place, t0, ${i}u),
        //% endfor
    );
}

// `at` is where the tile begins.
fn store_keys(place: Place, ahead: Ahead, at: u32) {
    //% for i in range(N)
    store_key(place, ${i}u, ahead.x${i}, at);
    //% endfor
}

fn load_values(place: Place, t0: u32) -> Ahead {
    return Ahead(
        //% for i in range(N)
        next_value(place, t0, ${i}u),
        //% endfor
    );
}

fn store_values(place: Place, ahead: Ahead, at: u32) {
    //% for i in range(N)
    store_value(place, ${i}u, ahead.x${i}, at);
    //% endfor
}
