
// Matrices of 8 x 8 as what each lane of 32 needs of them: row lane / 4 of a left operand, columns 2 · (lane % 4) and the next of a right
// one, and of a sum the two elements that they make.
struct LeftMatrix {
    low: vec4<f32>,
    high: vec4<f32>,
}

struct RightMatrix {
    first: LeftMatrix,
    second: LeftMatrix,
}

alias SumMatrix = vec2<f32>;

var<private> own_row: u32;
var<private> own_column: u32;

fn take_elements(lane: u32) {
    own_row = lane / 4u;
    own_column = lane % 4u * 2u;
}

fn line_product(a: LeftMatrix, b: LeftMatrix) -> f32 {
    return dot(a.low, b.low) + dot(a.high, b.high);
}

fn stand_in_multiply_add(a: LeftMatrix, b: RightMatrix, x: SumMatrix) -> SumMatrix {
    return x + vec2<f32>(line_product(a, b.first), line_product(a, b.second));
}

fn stand_in_weights(at: u32, stride: u32) -> LeftMatrix {
    let first = at + own_row * stride;
    return LeftMatrix(
        vec4<f32>(f32(weights[first]), f32(weights[first + 1u]), f32(weights[first + 2u]), f32(weights[first + 3u])),
        vec4<f32>(f32(weights[first + 4u]), f32(weights[first + 5u]), f32(weights[first + 6u]), f32(weights[first + 7u])),
    );
}

fn value_column(at: u32, stride: u32) -> LeftMatrix {
    let next = at + 4u * stride;
    return LeftMatrix(
        vec4<f32>(f32(values[at]), f32(values[at + stride]), f32(values[at + 2u * stride]), f32(values[at + 3u * stride])),
        vec4<f32>(f32(values[next]), f32(values[next + stride]), f32(values[next + 2u * stride]), f32(values[next + 3u * stride])),
    );
}

fn stand_in_values(at: u32, stride: u32) -> RightMatrix {
    return RightMatrix(value_column(at + own_column, stride), value_column(at + own_column + 1u, stride));
}

// A key is a row in workgroup memory, and a column of the operand.
fn key_column(at: u32) -> LeftMatrix {
    return LeftMatrix(
        vec4<f32>(f32(keys[at]), f32(keys[at + 1u]), f32(keys[at + 2u]), f32(keys[at + 3u])),
        vec4<f32>(f32(keys[at + 4u]), f32(keys[at + 5u]), f32(keys[at + 6u]), f32(keys[at + 7u])),
    );
}

fn stand_in_keys(at: u32, stride: u32) -> RightMatrix {
    return RightMatrix(key_column(at + own_column * stride), key_column(at + (own_column + 1u) * stride));
}

fn stand_in_scores(at: u32, stride: u32) -> SumMatrix {
    let first = at + own_row * stride + own_column;
    return vec2<f32>(scores[first], scores[first + 1u]);
}

fn stand_in_put_scores(x: SumMatrix, at: u32, stride: u32) {
    let first = at + own_row * stride + own_column;
    scores[first] = x.x;
    scores[first + 1u] = x.y;
}
