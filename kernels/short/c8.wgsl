// A lane's part of a row: eight pieces. Named members, because an array that is indexed in a loop lands in memory wherever a
// compiler chooses not to unroll.
const PIECES: u32 = 8u;

struct PackedSlice {
    c0: Packed,
    c1: Packed,
    c2: Packed,
    c3: Packed,
    c4: Packed,
    c5: Packed,
    c6: Packed,
    c7: Packed,
}

struct Slice {
    c0: Piece,
    c1: Piece,
    c2: Piece,
    c3: Piece,
    c4: Piece,
    c5: Piece,
    c6: Piece,
    c7: Piece,
}

fn query_slice(s: u32) -> Slice {
    var x: Slice;
    x.c0 = query_piece(s, 0u);
    x.c1 = query_piece(s, 1u);
    x.c2 = query_piece(s, 2u);
    x.c3 = query_piece(s, 3u);
    x.c4 = query_piece(s, 4u);
    x.c5 = query_piece(s, 5u);
    x.c6 = query_piece(s, 6u);
    x.c7 = query_piece(s, 7u);
    return x;
}

fn key_slice(t: u32) -> PackedSlice {
    var x: PackedSlice;
    x.c0 = key_piece(t, 0u);
    x.c1 = key_piece(t, 1u);
    x.c2 = key_piece(t, 2u);
    x.c3 = key_piece(t, 3u);
    x.c4 = key_piece(t, 4u);
    x.c5 = key_piece(t, 5u);
    x.c6 = key_piece(t, 6u);
    x.c7 = key_piece(t, 7u);
    return x;
}

fn value_slice(t: u32) -> PackedSlice {
    var x: PackedSlice;
    x.c0 = value_piece(t, 0u);
    x.c1 = value_piece(t, 1u);
    x.c2 = value_piece(t, 2u);
    x.c3 = value_piece(t, 3u);
    x.c4 = value_piece(t, 4u);
    x.c5 = value_piece(t, 5u);
    x.c6 = value_piece(t, 6u);
    x.c7 = value_piece(t, 7u);
    return x;
}

fn unpacked_key(k: PackedSlice, t: u32) -> Slice {
    var x: Slice;
    x.c0 = with_key_bias(unpacked(k.c0), t, 0u);
    x.c1 = with_key_bias(unpacked(k.c1), t, 1u);
    x.c2 = with_key_bias(unpacked(k.c2), t, 2u);
    x.c3 = with_key_bias(unpacked(k.c3), t, 3u);
    x.c4 = with_key_bias(unpacked(k.c4), t, 4u);
    x.c5 = with_key_bias(unpacked(k.c5), t, 5u);
    x.c6 = with_key_bias(unpacked(k.c6), t, 6u);
    x.c7 = with_key_bias(unpacked(k.c7), t, 7u);
    return x;
}

fn unpacked_value(v: PackedSlice, t: u32) -> Slice {
    var x: Slice;
    x.c0 = with_value_bias(unpacked(v.c0), t, 0u);
    x.c1 = with_value_bias(unpacked(v.c1), t, 1u);
    x.c2 = with_value_bias(unpacked(v.c2), t, 2u);
    x.c3 = with_value_bias(unpacked(v.c3), t, 3u);
    x.c4 = with_value_bias(unpacked(v.c4), t, 4u);
    x.c5 = with_value_bias(unpacked(v.c5), t, 5u);
    x.c6 = with_value_bias(unpacked(v.c6), t, 6u);
    x.c7 = with_value_bias(unpacked(v.c7), t, 7u);
    return x;
}

// This lane's share of the score of one key.
fn slice_dot(q: Slice, k: Slice) -> f32 {
    var sum = 0.0;
    sum = add_piece_dot(sum, q.c0, k.c0);
    sum = add_piece_dot(sum, q.c1, k.c1);
    sum = add_piece_dot(sum, q.c2, k.c2);
    sum = add_piece_dot(sum, q.c3, k.c3);
    sum = add_piece_dot(sum, q.c4, k.c4);
    sum = add_piece_dot(sum, q.c5, k.c5);
    sum = add_piece_dot(sum, q.c6, k.c6);
    sum = add_piece_dot(sum, q.c7, k.c7);
    return sum;
}

fn scaled_slice(o: Slice, factor: f32) -> Slice {
    var x: Slice;
    x.c0 = scaled_piece(o.c0, factor);
    x.c1 = scaled_piece(o.c1, factor);
    x.c2 = scaled_piece(o.c2, factor);
    x.c3 = scaled_piece(o.c3, factor);
    x.c4 = scaled_piece(o.c4, factor);
    x.c5 = scaled_piece(o.c5, factor);
    x.c6 = scaled_piece(o.c6, factor);
    x.c7 = scaled_piece(o.c7, factor);
    return x;
}

fn add_weighted_slice(o: Slice, w: f32, v: Slice) -> Slice {
    var x: Slice;
    x.c0 = add_weighted_piece(o.c0, w, v.c0);
    x.c1 = add_weighted_piece(o.c1, w, v.c1);
    x.c2 = add_weighted_piece(o.c2, w, v.c2);
    x.c3 = add_weighted_piece(o.c3, w, v.c3);
    x.c4 = add_weighted_piece(o.c4, w, v.c4);
    x.c5 = add_weighted_piece(o.c5, w, v.c5);
    x.c6 = add_weighted_piece(o.c6, w, v.c6);
    x.c7 = add_weighted_piece(o.c7, w, v.c7);
    return x;
}

// To the vec4 of workgroup memory that begin at `row`.
fn store_slice(row: u32, o: Slice) {
    store_piece(row + piece_column4(0u), o.c0);
    store_piece(row + piece_column4(1u), o.c1);
    store_piece(row + piece_column4(2u), o.c2);
    store_piece(row + piece_column4(3u), o.c3);
    store_piece(row + piece_column4(4u), o.c4);
    store_piece(row + piece_column4(5u), o.c5);
    store_piece(row + piece_column4(6u), o.c6);
    store_piece(row + piece_column4(7u), o.c7);
}
