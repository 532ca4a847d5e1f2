// Pieces of 16 bytes of float16 tensors: eight columns, in words.
const PIECE: u32 = 8u;
alias Piece = vec4<u32>;

// By way of float32, as WGSL makes no float16 of words otherwise; exact, so that compilers may leave it out.
fn halves(words: vec2<u32>) -> vec4<f16> {
    return vec4<f16>(vec2<f16>(unpack2x16float(words.x)), vec2<f16>(unpack2x16float(words.y)));
}
