// What a lane loads of the next tile while the present one is in use: N vec4 of keys and of values, as stored. A
// conversion here would wait for the load.
struct Ahead {
    //% for i in range(N)
    k${i}: Elem4,
    //% endfor
    //% for i in range(N)
    v${i}: Elem4,
    //% endfor
}

// Of the tile that begins at key t0, where `last` is the last key there is.
fn load_ahead(b: u32, n: u32, t0: u32, last: u32, local_index: u32) -> Ahead {
    return Ahead(
        //% for i in range(N)
        entry_key(b, n, t0, last, local_index${plus(i, "WORKGROUP_SIZE")}),
        //% endfor
        //% for i in range(N)
        entry_value(b, n, t0, last, local_index${plus(i, "WORKGROUP_SIZE")}),
        //% endfor
    );
}

fn store_ahead(x: Ahead, n: u32, t0: u32, last: u32, local_index: u32) {
    //% for i in range(N)
    store_entry(x.k${i}, x.v${i}, n, t0, last, local_index${plus(i, "WORKGROUP_SIZE")});
    //% endfor
}
