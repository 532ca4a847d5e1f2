// Stands in for cooperative matrices of 8 x 8 in subgroups of 32: what one lane holds of each, two neighbours in a row.
alias LeftMatrix = vec2<f16>;
alias RightMatrix = vec2<f16>;
alias SumMatrix = vec2<f32>;

// Where in a matrix this lane's elements are: the row, and the column of the first. As Apple's GPUs have them, a quarter of
// 4 x 4 to eight lanes.
var<private> own_row: u32;
var<private> own_column: u32;

// 0 in all but one tile, which no compiler knows. Called in every turn, the functions below keep Mesa's from holding the
// addresses of all that a lane reads and writes of workgroup memory for the whole loop: it puts no constants into those.
fn unknown_zero(t0: u32) -> u32 {
    return select(0u, 1u, t0 == params.beam_width);
}

fn move_matrices(t0: u32) {
    own_row += unknown_zero(t0);
}

fn moved(before: Place, t0: u32) -> Place {
    move_matrices(t0);
    var place = before;
    place.row_area += unknown_zero(t0);
    place.piece_at += unknown_zero(t0);
    return place;
}

fn take_place(lane: u32) {
    own_row = lane / 16u * 4u + lane / 2u % 4u;
    own_column = lane / 8u % 2u * 4u + lane % 2u * 2u;
}

// Not the product: what it takes and gives, so that nothing which a lane would hold can be left out.
fn stand_in_multiply_add(a: LeftMatrix, b: RightMatrix, sum: SumMatrix) -> SumMatrix {
    return fma(vec2<f32>(a), vec2<f32>(b), sum);
}

// Rows of the matrix are `stride` apart, from `at` on.
fn stand_in_weights(at: u32, stride: u32) -> LeftMatrix {
    let own = at + own_row * stride + own_column;
    return LeftMatrix(weights[own], weights[own + 1u]);
}

fn stand_in_values(at: u32, stride: u32) -> RightMatrix {
    let own = at + own_row * stride + own_column;
    return RightMatrix(values[own], values[own + 1u]);
}

// Columns of the matrix are `stride` apart.
fn stand_in_keys(at: u32, stride: u32) -> RightMatrix {
    let own = at + own_column * stride + own_row;
    return RightMatrix(keys[own], keys[own + stride]);
}

fn stand_in_scores(at: u32, stride: u32) -> SumMatrix {
    let own = at + own_row * stride + own_column;
    return SumMatrix(scores[own], scores[own + 1u]);
}

fn stand_in_put_scores(sum: SumMatrix, at: u32, stride: u32) {
    let own = at + own_row * stride + own_column;
    scores[own] = sum.x;
    scores[own + 1u] = sum.y;
}
