// Pieces of 16 bytes of a row in f16: eight columns by one access, kept packed until they are used. Needs head sizes,
// strides and binding offsets that are multiples of 8. A piece is of lane (part, lane) in the order of addresses, so that
// a group of lanes reads one unbroken range.
@group(0) @binding(1) var<storage, read> query: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> key: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> value: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read> past_key: array<vec4<u32>>;
@group(0) @binding(8) var<storage, read> past_value: array<vec4<u32>>;

const PIECE4: u32 = 2u;
alias Packed = vec4<u32>;

struct Piece {
    low: vec4<f32>,
    high: vec4<f32>,
}

fn query_packed(index: u32, columns: u32) -> Packed {
    return query[index / 8u];
}

fn key_packed(index: u32, columns: u32) -> Packed {
    return key[index / 8u];
}

fn value_packed(index: u32, columns: u32) -> Packed {
    return value[index / 8u];
}

fn bias_packed(index: u32, columns: u32) -> Packed {
    return bias[index / 8u];
}

fn past_key_packed(index: u32, columns: u32) -> Packed {
    return past_key[index / 8u];
}

fn past_value_packed(index: u32, columns: u32) -> Packed {
    return past_value[index / 8u];
}

fn unpacked(x: Packed) -> Piece {
    return Piece(
        vec4<f32>(unpack2x16float(x.x), unpack2x16float(x.y)),
        vec4<f32>(unpack2x16float(x.z), unpack2x16float(x.w)),
    );
}

fn sum_pieces(a: Piece, b: Piece) -> Piece {
    return Piece(a.low + b.low, a.high + b.high);
}

fn scaled_piece(x: Piece, factor: f32) -> Piece {
    return Piece(x.low * factor, x.high * factor);
}

fn add_piece_dot(sum: f32, a: Piece, b: Piece) -> f32 {
    return add_dot(add_dot(sum, a.low, b.low), a.high, b.high);
}

fn add_weighted_piece(o: Piece, w: f32, v: Piece) -> Piece {
    return Piece(fma(vec4<f32>(w), v.low, o.low), fma(vec4<f32>(w), v.high, o.high));
}

// To vec4 `at` of workgroup memory on.
fn store_piece(at: u32, x: Piece) {
    group_values[at] = x.low;
    group_values[at + 1u] = x.high;
}
