// What a lane loads of the next tile of keys, or values, while others are in use: 4 vec4.
struct Ahead {
    x0: vec2<u32>,
    x1: vec2<u32>,
    x2: vec2<u32>,
    x3: vec2<u32>,
}

fn load_keys(place: Place, t0: u32, local_index: u32) -> Ahead {
    return Ahead(
        next_key(place, t0, local_index),
        next_key(place, t0, local_index + WORKGROUP_SIZE),
        next_key(place, t0, local_index + 2u * WORKGROUP_SIZE),
        next_key(place, t0, local_index + 3u * WORKGROUP_SIZE),
    );
}

fn store_key(area: u32, i: u32, x: vec2<u32>) {
    if i < TILE_LENGTH {
        put_keys(area + tile_entry(i), from_words(within(x, i, params.head_size)));
    }
}

fn store_keys(ahead: Ahead, area: u32, local_index: u32) {
    store_key(area, local_index, ahead.x0);
    store_key(area, local_index + WORKGROUP_SIZE, ahead.x1);
    store_key(area, local_index + 2u * WORKGROUP_SIZE, ahead.x2);
    store_key(area, local_index + 3u * WORKGROUP_SIZE, ahead.x3);
}

fn load_values(place: Place, t0: u32, local_index: u32) -> Ahead {
    return Ahead(
        next_value(place, t0, local_index),
        next_value(place, t0, local_index + WORKGROUP_SIZE),
        next_value(place, t0, local_index + 2u * WORKGROUP_SIZE),
        next_value(place, t0, local_index + 3u * WORKGROUP_SIZE),
    );
}

fn store_value(area: u32, i: u32, x: vec2<u32>) {
    if i < TILE_LENGTH {
        put_values(area + tile_entry(i), from_words(within(x, i, params.v_head_size)));
    }
}

fn store_values(ahead: Ahead, area: u32, local_index: u32) {
    store_value(area, local_index, ahead.x0);
    store_value(area, local_index + WORKGROUP_SIZE, ahead.x1);
    store_value(area, local_index + 2u * WORKGROUP_SIZE, ahead.x2);
    store_value(area, local_index + 3u * WORKGROUP_SIZE, ahead.x3);
}
