// Pieces of four columns of a row, by the functions of an access file.
const PIECE4: u32 = 1u;
alias Packed = vec4<f32>;
alias Piece = vec4<f32>;

fn query_packed(index: u32, columns: u32) -> Packed {
    return query4(index, columns);
}

fn key_packed(index: u32, columns: u32) -> Packed {
    return key4(index, columns);
}

fn value_packed(index: u32, columns: u32) -> Packed {
    return value4(index, columns);
}

fn bias_packed(index: u32, columns: u32) -> Packed {
    return bias4(index, columns);
}

fn past_key_packed(index: u32, columns: u32) -> Packed {
    return past_key4(index, columns);
}

fn past_value_packed(index: u32, columns: u32) -> Packed {
    return past_value4(index, columns);
}

fn unpacked(x: Packed) -> Piece {
    return x;
}

fn sum_pieces(a: Piece, b: Piece) -> Piece {
    return a + b;
}

fn scaled_piece(x: Piece, factor: f32) -> Piece {
    return x * factor;
}

fn add_piece_dot(sum: f32, a: Piece, b: Piece) -> f32 {
    return add_dot(sum, a, b);
}

fn add_weighted_piece(o: Piece, w: f32, v: Piece) -> Piece {
    return fma(vec4<f32>(w), v, o);
}

// To vec4 `at` of workgroup memory.
fn store_piece(at: u32, x: Piece) {
    group_values[at] = x;
}
