// Keys are loaded in the turn that takes them: there are none to hand on.
struct NextKeys {
    k0: bool,
    k1: bool,
    k2: bool,
    k3: bool,
}

fn first_keys(t_begin: u32, t_end: u32, group: u32) -> NextKeys {
    return NextKeys();
}

fn turn_key(next: bool, t: u32) -> PackedSlice {
    return key_slice(t);
}

fn later_keys(next: NextKeys, t: vec4<u32>, t_end: u32) -> NextKeys {
    return next;
}
