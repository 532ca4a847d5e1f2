// What a lane loads of the next tile while the present one is in use: 1 vec4 of keys and of values, as stored. A
// conversion here would wait for the load.
struct Ahead {
    k0: Elem4,
    v0: Elem4,
}

// Of the tile that begins at key t0, where `last` is the last key there is.
fn load_ahead(b: u32, n: u32, t0: u32, last: u32, local_index: u32) -> Ahead {
    return Ahead(
        entry_key(b, n, t0, last, local_index),
        entry_value(b, n, t0, last, local_index),
    );
}

fn store_ahead(x: Ahead, n: u32, t0: u32, last: u32, local_index: u32) {
    store_entry(x.k0, x.v0, n, t0, last, local_index);
}
