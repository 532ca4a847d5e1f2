// What a lane loads of the next tile while the present one is in use: 2 vec4 of keys and of values.
struct Ahead {
    k0: vec4<f32>,
    k1: vec4<f32>,
    v0: vec4<f32>,
    v1: vec4<f32>,
}

fn load_ahead(b: u32, n: u32, t0: u32, t_end: u32, local_index: u32) -> Ahead {
    return Ahead(
        next_key(b, n, t0, t_end, local_index),
        next_key(b, n, t0, t_end, local_index + WORKGROUP_SIZE),
        next_value(b, n, t0, t_end, local_index),
        next_value(b, n, t0, t_end, local_index + WORKGROUP_SIZE),
    );
}

fn store_entry(at: u32, k: vec4<f32>, v: vec4<f32>) {
    if at < TILE_LENGTH {
        key_tile[at] = k;
        value_tile[at] = v;
    }
}

fn store_ahead(x: Ahead, local_index: u32) {
    store_entry(local_index, x.k0, x.v0);
    store_entry(local_index + WORKGROUP_SIZE, x.k1, x.v1);
}
