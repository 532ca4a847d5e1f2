// Operands of matrices from float16 tensors, as they are.
const PARTS: u32 = 1u;
const PRODUCT_FACTOR: f32 = 1.0;
const OUTPUT_FACTOR: f32 = 1.0;

alias Left = LeftMatrix;
alias Right = RightMatrix;

fn product(a: Left, b: Right, sum: SumMatrix) -> SumMatrix {
    return coopMultiplyAdd(a, b, sum);
}

fn key_matrix(key_block: u32, column_block: u32) -> Right {
    return coopLoad<RightMatrix>(&keys[(key_block * SIDE * TILE_ROW + column_block * SIDE) / UNIT], TILE_ROW / UNIT);
}

fn value_matrix(key_block: u32, column_block: u32) -> Right {
    return coopLoadT<RightMatrix>(&values[(key_block * SIDE * TILE_ROW + column_block * SIDE) / UNIT], TILE_ROW / UNIT);
}

fn put_key_piece(at: u32, piece: Piece) {
    put_keys(at, halves(piece.xy));
    put_keys(at + 4u, halves(piece.zw));
}

fn put_value_piece(at: u32, piece: Piece) {
    put_values(at, halves(piece.xy));
    put_values(at + 4u, halves(piece.zw));
}

// Nothing is out of range.
fn answer_beyond(rows: Rows, place: Place, t_begin: u32) {
}
