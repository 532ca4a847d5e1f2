// A lane's part of a row: N pieces. Named members, because an array that is indexed in a loop lands in memory wherever a
// compiler chooses not to unroll.
const PIECES: u32 = ${N}u;

struct PackedSlice {
    //% for c in range(N)
    c${c}: Packed,
    //% endfor
}

struct Slice {
    //% for c in range(N)
    c${c}: Piece,
    //% endfor
}

fn query_slice(s: u32) -> Slice {
    var x: Slice;
    //% for c in range(N)
    x.c${c} = query_piece(s, ${c}u);
    //% endfor
    return x;
}

fn key_slice(t: u32) -> PackedSlice {
    var x: PackedSlice;
    //% for c in range(N)
    x.c${c} = key_piece(t, ${c}u);
    //% endfor
    return x;
}

fn value_slice(t: u32) -> PackedSlice {
    var x: PackedSlice;
    //% for c in range(N)
    x.c${c} = value_piece(t, ${c}u);
    //% endfor
    return x;
}

fn unpacked_key(k: PackedSlice, t: u32) -> Slice {
    var x: Slice;
    //% for c in range(N)
    x.c${c} = with_key_bias(unpacked(k.c${c}), t, ${c}u);
    //% endfor
    return x;
}

fn unpacked_value(v: PackedSlice, t: u32) -> Slice {
    var x: Slice;
    //% for c in range(N)
    x.c${c} = with_value_bias(unpacked(v.c${c}), t, ${c}u);
    //% endfor
    return x;
}

// This lane's share of the score of one key.
fn slice_dot(q: Slice, k: Slice) -> f32 {
    var sum = 0.0;
    //% for c in range(N)
    sum = add_piece_dot(sum, q.c${c}, k.c${c});
    //% endfor
    return sum;
}

fn scaled_slice(o: Slice, factor: f32) -> Slice {
    var x: Slice;
    //% for c in range(N)
    x.c${c} = scaled_piece(o.c${c}, factor);
    //% endfor
    return x;
}

fn sum_slices(a: Slice, b: Slice) -> Slice {
    var x: Slice;
    //% for c in range(N)
    x.c${c} = sum_pieces(a.c${c}, b.c${c});
    //% endfor
    return x;
}

fn add_weighted_slice(o: Slice, w: f32, v: Slice) -> Slice {
    var x: Slice;
    //% for c in range(N)
    x.c${c} = add_weighted_piece(o.c${c}, w, v.c${c});
    //% endfor
    return x;
}

// To the vec4 of workgroup memory that begin at `row`.
fn store_slice(row: u32, o: Slice) {
    //% for c in range(N)
    store_piece(row + piece_column4(${c}u), o.c${c});
    //% endfor
}
