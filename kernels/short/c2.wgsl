// A lane's part of a row: two pieces. Named members, because an array that is indexed in a loop lands in memory wherever a
// compiler chooses not to unroll.
const PIECES: u32 = 2u;

struct PackedSlice {
    c0: Packed,
    c1: Packed,
}

struct Slice {
    c0: Piece,
    c1: Piece,
}

fn query_slice(s: u32) -> Slice {
    var x: Slice;
    x.c0 = query_piece(s, 0u);
    x.c1 = query_piece(s, 1u);
    return x;
}

fn key_slice(t: u32) -> PackedSlice {
    var x: PackedSlice;
    x.c0 = key_piece(t, 0u);
    x.c1 = key_piece(t, 1u);
    return x;
}

fn value_slice(t: u32) -> PackedSlice {
    var x: PackedSlice;
    x.c0 = value_piece(t, 0u);
    x.c1 = value_piece(t, 1u);
    return x;
}

fn unpacked_key(k: PackedSlice, t: u32) -> Slice {
    var x: Slice;
    x.c0 = with_key_bias(unpacked(k.c0), t, 0u);
    x.c1 = with_key_bias(unpacked(k.c1), t, 1u);
    return x;
}

fn unpacked_value(v: PackedSlice, t: u32) -> Slice {
    var x: Slice;
    x.c0 = with_value_bias(unpacked(v.c0), t, 0u);
    x.c1 = with_value_bias(unpacked(v.c1), t, 1u);
    return x;
}

// This lane's share of the score of one key.
fn slice_dot(q: Slice, k: Slice) -> f32 {
    var sum = 0.0;
    sum = add_piece_dot(sum, q.c0, k.c0);
    sum = add_piece_dot(sum, q.c1, k.c1);
    return sum;
}

fn scaled_slice(o: Slice, factor: f32) -> Slice {
    var x: Slice;
    x.c0 = scaled_piece(o.c0, factor);
    x.c1 = scaled_piece(o.c1, factor);
    return x;
}

fn add_weighted_slice(o: Slice, w: f32, v: Slice) -> Slice {
    var x: Slice;
    x.c0 = add_weighted_piece(o.c0, w, v.c0);
    x.c1 = add_weighted_piece(o.c1, w, v.c1);
    return x;
}

// To the vec4 of workgroup memory that begin at `row`.
fn store_slice(row: u32, o: Slice) {
    store_piece(row + piece_column4(0u), o.c0);
    store_piece(row + piece_column4(1u), o.c1);
}
