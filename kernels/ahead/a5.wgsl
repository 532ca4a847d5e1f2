// What a lane loads of the next tile while the present one is in use: 5 vec4 of keys and of values, as stored. A
// conversion here would wait for the load.
struct Ahead {
    k0: Elem4,
    k1: Elem4,
    k2: Elem4,
    k3: Elem4,
    k4: Elem4,
    v0: Elem4,
    v1: Elem4,
    v2: Elem4,
    v3: Elem4,
    v4: Elem4,
}

// Of the tile that begins at key t0, where `last` is the last key there is.
fn load_ahead(b: u32, n: u32, t0: u32, last: u32, local_index: u32) -> Ahead {
    return Ahead(
        entry_key(b, n, t0, last, local_index),
        entry_key(b, n, t0, last, local_index + WORKGROUP_SIZE),
        entry_key(b, n, t0, last, local_index + 2u * WORKGROUP_SIZE),
        entry_key(b, n, t0, last, local_index + 3u * WORKGROUP_SIZE),
        entry_key(b, n, t0, last, local_index + 4u * WORKGROUP_SIZE),
        entry_value(b, n, t0, last, local_index),
        entry_value(b, n, t0, last, local_index + WORKGROUP_SIZE),
        entry_value(b, n, t0, last, local_index + 2u * WORKGROUP_SIZE),
        entry_value(b, n, t0, last, local_index + 3u * WORKGROUP_SIZE),
        entry_value(b, n, t0, last, local_index + 4u * WORKGROUP_SIZE),
    );
}

fn store_ahead(x: Ahead, n: u32, t0: u32, last: u32, local_index: u32) {
    store_entry(x.k0, x.v0, n, t0, last, local_index);
    store_entry(x.k1, x.v1, n, t0, last, local_index + WORKGROUP_SIZE);
    store_entry(x.k2, x.v2, n, t0, last, local_index + 2u * WORKGROUP_SIZE);
    store_entry(x.k3, x.v3, n, t0, last, local_index + 3u * WORKGROUP_SIZE);
    store_entry(x.k4, x.v4, n, t0, last, local_index + 4u * WORKGROUP_SIZE);
}
