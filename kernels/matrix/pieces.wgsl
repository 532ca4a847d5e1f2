// Pieces of 16 bytes of float16 tensors: eight columns, in words.
const PIECE: u32 = 8u;
alias Piece = vec4<u32>;

fn halves(words: vec2<u32>) -> vec4<f16> {
    return vec4<f16>(vec2<f16>(unpack2x16float(words.x)), vec2<f16>(unpack2x16float(words.y)));
}

fn piece_of(low: vec4<f32>, high: vec4<f32>) -> Piece {
    return Piece(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
}

fn source_key_piece(b: u32, n: u32, t: u32, h: u32) -> Piece {
    var high = vec4<f32>();
    if h + 4u < params.head_size {
        high = source_key4(b, n, t, h + 4u);
    }
    return piece_of(source_key4(b, n, t, h), high);
}

fn source_value_piece(b: u32, n: u32, t: u32, h: u32) -> Piece {
    var high = vec4<f32>();
    if h + 4u < params.v_head_size {
        high = source_value4(b, n, t, h + 4u);
    }
    return piece_of(source_value4(b, n, t, h), high);
}
