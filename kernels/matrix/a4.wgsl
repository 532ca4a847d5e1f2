// What a lane loads ahead of the next tile of keys, or of values: 4 pieces.
struct Ahead {
    x0: Piece,
    x1: Piece,
    x2: Piece,
    x3: Piece,
}

fn load_keys(place: Place, t0: u32) -> Ahead {
    return Ahead(
        next_key(place, t0, place.local_index),
        next_key(place, t0, place.local_index + WORKGROUP_SIZE),
        next_key(place, t0, place.local_index + 2u * WORKGROUP_SIZE),
        next_key(place, t0, place.local_index + 3u * WORKGROUP_SIZE),
    );
}

fn store_keys(place: Place, ahead: Ahead) {
    store_key(place.local_index, ahead.x0);
    store_key(place.local_index + WORKGROUP_SIZE, ahead.x1);
    store_key(place.local_index + 2u * WORKGROUP_SIZE, ahead.x2);
    store_key(place.local_index + 3u * WORKGROUP_SIZE, ahead.x3);
}

fn load_values(place: Place, t0: u32) -> Ahead {
    return Ahead(
        next_value(place, t0, place.local_index),
        next_value(place, t0, place.local_index + WORKGROUP_SIZE),
        next_value(place, t0, place.local_index + 2u * WORKGROUP_SIZE),
        next_value(place, t0, place.local_index + 3u * WORKGROUP_SIZE),
    );
}

fn store_values(place: Place, ahead: Ahead) {
    store_value(place.local_index, ahead.x0);
    store_value(place.local_index + WORKGROUP_SIZE, ahead.x1);
    store_value(place.local_index + 2u * WORKGROUP_SIZE, ahead.x2);
    store_value(place.local_index + 3u * WORKGROUP_SIZE, ahead.x3);
}
