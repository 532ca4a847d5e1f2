// What a lane loads ahead of the next tile of keys, or of values: 2 pieces.
struct Ahead {
    x0: Piece,
    x1: Piece,
}

fn load_keys(place: Place, t0: u32) -> Ahead {
    return Ahead(
        next_key(place, t0, place.local_index),
        next_key(place, t0, place.local_index + WORKGROUP_SIZE),
    );
}

fn store_keys(place: Place, ahead: Ahead) {
    store_key(place.local_index, ahead.x0);
    store_key(place.local_index + WORKGROUP_SIZE, ahead.x1);
}

fn load_values(place: Place, t0: u32) -> Ahead {
    return Ahead(
        next_value(place, t0, place.local_index),
        next_value(place, t0, place.local_index + WORKGROUP_SIZE),
    );
}

fn store_values(place: Place, ahead: Ahead) {
    store_value(place.local_index, ahead.x0);
    store_value(place.local_index + WORKGROUP_SIZE, ahead.x1);
}
