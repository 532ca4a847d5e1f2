// Tensors in pieces of 16 bytes, eight columns. Needs head sizes, strides and binding offsets that are multiples of 8. In
// words: float16 vectors would be taken apart as soon as they are loaded, so that a load ahead would be waited for.
// `columns` is how many columns remain in the row from the one at `index` on: here always 8 or more.
@group(0) @binding(1) var<storage, read> query: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> key: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> value: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read> past_key: array<vec4<u32>>;
@group(0) @binding(8) var<storage, read> past_value: array<vec4<u32>>;

// Four columns of a piece, the first four or the last.
fn half_piece(piece: vec4<u32>, index: u32) -> vec2<u32> {
    return select(piece.xy, piece.zw, (index & 4u) != 0u);
}

fn unpacked(words: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

fn query4(index: u32, columns: u32) -> vec4<f32> {
    return unpacked(half_piece(query[index / 8u], index));
}

fn key4(index: u32, columns: u32) -> Elem4 {
    return halves(half_piece(key[index / 8u], index));
}

fn value4(index: u32, columns: u32) -> Elem4 {
    return halves(half_piece(value[index / 8u], index));
}

fn bias4(index: u32, columns: u32) -> vec4<f32> {
    return unpacked(half_piece(bias[index / 8u], index));
}

fn past_key4(index: u32, columns: u32) -> Elem4 {
    return halves(half_piece(past_key[index / 8u], index));
}

fn past_value4(index: u32, columns: u32) -> Elem4 {
    return halves(half_piece(past_value[index / 8u], index));
}

fn query_piece(index: u32, columns: u32) -> Piece {
    return query[index / 8u];
}

fn key_piece(index: u32, columns: u32) -> Piece {
    return key[index / 8u];
}

fn value_piece(index: u32, columns: u32) -> Piece {
    return value[index / 8u];
}

// As stored: operands of float16 get no bias.
fn source_key_piece(b: u32, n: u32, t: u32, h: u32) -> Piece {
    if PAST && t < params.past_len {
        return past_key[(element(params.past_key, past_batch(b, t), n, t) + h) / 8u];
    }
    return key[(element(params.key, b, n, t - params.past_len) + h) / 8u];
}

fn source_value_piece(b: u32, n: u32, t: u32, h: u32) -> Piece {
    if PAST && t < params.past_len {
        return past_value[(element(params.past_value, past_batch(b, t), n, t) + h) / 8u];
    }
    return value[(element(params.value, b, n, t - params.past_len) + h) / 8u];
}
