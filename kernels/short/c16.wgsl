// A lane's part of a row: sixteen pieces. Named members, because an array that is indexed in a loop lands in memory wherever a
// compiler chooses not to unroll.
const PIECES: u32 = 16u;

struct PackedSlice {
    c0: Packed,
    c1: Packed,
    c2: Packed,
    c3: Packed,
    c4: Packed,
    c5: Packed,
    c6: Packed,
    c7: Packed,
    c8: Packed,
    c9: Packed,
    c10: Packed,
    c11: Packed,
    c12: Packed,
    c13: Packed,
    c14: Packed,
    c15: Packed,
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
    c8: Piece,
    c9: Piece,
    c10: Piece,
    c11: Piece,
    c12: Piece,
    c13: Piece,
    c14: Piece,
    c15: Piece,
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
    x.c8 = query_piece(s, 8u);
    x.c9 = query_piece(s, 9u);
    x.c10 = query_piece(s, 10u);
    x.c11 = query_piece(s, 11u);
    x.c12 = query_piece(s, 12u);
    x.c13 = query_piece(s, 13u);
    x.c14 = query_piece(s, 14u);
    x.c15 = query_piece(s, 15u);
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
    x.c8 = key_piece(t, 8u);
    x.c9 = key_piece(t, 9u);
    x.c10 = key_piece(t, 10u);
    x.c11 = key_piece(t, 11u);
    x.c12 = key_piece(t, 12u);
    x.c13 = key_piece(t, 13u);
    x.c14 = key_piece(t, 14u);
    x.c15 = key_piece(t, 15u);
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
    x.c8 = value_piece(t, 8u);
    x.c9 = value_piece(t, 9u);
    x.c10 = value_piece(t, 10u);
    x.c11 = value_piece(t, 11u);
    x.c12 = value_piece(t, 12u);
    x.c13 = value_piece(t, 13u);
    x.c14 = value_piece(t, 14u);
    x.c15 = value_piece(t, 15u);
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
    x.c8 = with_key_bias(unpacked(k.c8), t, 8u);
    x.c9 = with_key_bias(unpacked(k.c9), t, 9u);
    x.c10 = with_key_bias(unpacked(k.c10), t, 10u);
    x.c11 = with_key_bias(unpacked(k.c11), t, 11u);
    x.c12 = with_key_bias(unpacked(k.c12), t, 12u);
    x.c13 = with_key_bias(unpacked(k.c13), t, 13u);
    x.c14 = with_key_bias(unpacked(k.c14), t, 14u);
    x.c15 = with_key_bias(unpacked(k.c15), t, 15u);
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
    x.c8 = with_value_bias(unpacked(v.c8), t, 8u);
    x.c9 = with_value_bias(unpacked(v.c9), t, 9u);
    x.c10 = with_value_bias(unpacked(v.c10), t, 10u);
    x.c11 = with_value_bias(unpacked(v.c11), t, 11u);
    x.c12 = with_value_bias(unpacked(v.c12), t, 12u);
    x.c13 = with_value_bias(unpacked(v.c13), t, 13u);
    x.c14 = with_value_bias(unpacked(v.c14), t, 14u);
    x.c15 = with_value_bias(unpacked(v.c15), t, 15u);
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
    sum = add_piece_dot(sum, q.c8, k.c8);
    sum = add_piece_dot(sum, q.c9, k.c9);
    sum = add_piece_dot(sum, q.c10, k.c10);
    sum = add_piece_dot(sum, q.c11, k.c11);
    sum = add_piece_dot(sum, q.c12, k.c12);
    sum = add_piece_dot(sum, q.c13, k.c13);
    sum = add_piece_dot(sum, q.c14, k.c14);
    sum = add_piece_dot(sum, q.c15, k.c15);
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
    x.c8 = scaled_piece(o.c8, factor);
    x.c9 = scaled_piece(o.c9, factor);
    x.c10 = scaled_piece(o.c10, factor);
    x.c11 = scaled_piece(o.c11, factor);
    x.c12 = scaled_piece(o.c12, factor);
    x.c13 = scaled_piece(o.c13, factor);
    x.c14 = scaled_piece(o.c14, factor);
    x.c15 = scaled_piece(o.c15, factor);
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
    x.c8 = add_weighted_piece(o.c8, w, v.c8);
    x.c9 = add_weighted_piece(o.c9, w, v.c9);
    x.c10 = add_weighted_piece(o.c10, w, v.c10);
    x.c11 = add_weighted_piece(o.c11, w, v.c11);
    x.c12 = add_weighted_piece(o.c12, w, v.c12);
    x.c13 = add_weighted_piece(o.c13, w, v.c13);
    x.c14 = add_weighted_piece(o.c14, w, v.c14);
    x.c15 = add_weighted_piece(o.c15, w, v.c15);
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
    store_piece(row + piece_column4(8u), o.c8);
    store_piece(row + piece_column4(9u), o.c9);
    store_piece(row + piece_column4(10u), o.c10);
    store_piece(row + piece_column4(11u), o.c11);
    store_piece(row + piece_column4(12u), o.c12);
    store_piece(row + piece_column4(13u), o.c13);
    store_piece(row + piece_column4(14u), o.c14);
    store_piece(row + piece_column4(15u), o.c15);
}
