// Pieces of 16 bytes of float32 tensors: four columns.
const PIECE: u32 = 4u;
alias Piece = vec4<f32>;

fn key_piece(index: u32, columns: u32) -> Piece {
    return key4(index, columns);
}

fn value_piece(index: u32, columns: u32) -> Piece {
    return value4(index, columns);
}

fn source_key_piece(b: u32, n: u32, t: u32, h: u32) -> Piece {
    return source_key4(b, n, t, h);
}

fn source_value_piece(b: u32, n: u32, t: u32, h: u32) -> Piece {
    return source_value4(b, n, t, h);
}
