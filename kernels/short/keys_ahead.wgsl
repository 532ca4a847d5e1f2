// Keys are loaded a turn ahead of the one that takes them, so that memory has something to do meanwhile.
struct NextKeys {
    k0: PackedSlice,
    k1: PackedSlice,
    k2: PackedSlice,
    k3: PackedSlice,
}

fn load_keys(t: vec4<u32>) -> NextKeys {
    return NextKeys(key_slice(t.x), key_slice(t.y), key_slice(t.z), key_slice(t.w));
}

fn first_keys(t_begin: u32, t_end: u32, group: u32) -> NextKeys {
    var x: NextKeys;
    // Of no keys the last would lie before them all, and what is there may be of no buffer.
    if t_begin < t_end {
        x = load_keys(min(own_block(t_begin, group), vec4<u32>(t_end - 1u)));
    }
    return x;
}

fn turn_key(next: PackedSlice, t: u32) -> PackedSlice {
    return next;
}

// Those after the keys t of a turn. The last turn loads its last key again, as a branch around that costs more.
fn later_keys(next: NextKeys, t: vec4<u32>, t_end: u32) -> NextKeys {
    return load_keys(min(t + GROUPS * 4u, vec4<u32>(t_end - 1u)));
}
