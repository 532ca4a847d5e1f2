// What a lane loads of the next tile while the present one is in use: 4 vec4 of keys and of values.
struct Ahead {
    k0: Tile4,
    k1: Tile4,
    k2: Tile4,
    k3: Tile4,
    v0: Tile4,
    v1: Tile4,
    v2: Tile4,
    v3: Tile4,
}

fn load_ahead(b: u32, n: u32, t0: u32, t_end: u32, local_index: u32) -> Ahead {
    return Ahead(
        next_key(b, n, t0, t_end, local_index),
        next_key(b, n, t0, t_end, local_index + WORKGROUP_SIZE),
        next_key(b, n, t0, t_end, local_index + 2u * WORKGROUP_SIZE),
        next_key(b, n, t0, t_end, local_index + 3u * WORKGROUP_SIZE),
        next_value(b, n, t0, t_end, local_index),
        next_value(b, n, t0, t_end, local_index + WORKGROUP_SIZE),
        next_value(b, n, t0, t_end, local_index + 2u * WORKGROUP_SIZE),
        next_value(b, n, t0, t_end, local_index + 3u * WORKGROUP_SIZE),
    );
}

fn store_entry(at: u32, k: Tile4, v: Tile4) {
    if at < TILE_LENGTH {
        key_tile[at] = k;
        value_tile[at] = v;
    }
}

fn store_ahead(x: Ahead, local_index: u32) {
    store_entry(local_index, x.k0, x.v0);
    store_entry(local_index + WORKGROUP_SIZE, x.k1, x.v1);
    store_entry(local_index + 2u * WORKGROUP_SIZE, x.k2, x.v2);
    store_entry(local_index + 3u * WORKGROUP_SIZE, x.k3, x.v3);
}
