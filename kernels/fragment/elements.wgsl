// Functions of all elements of a matrix. WGSL cannot reach one, so these bodies only say which function of numbers is meant:
// mha-gpu puts a loop in their place (elementwise.rs), which calls it for each element of a lane's part, a fragment, in turn.
// Elements of a fragment of sums must stand for the same rows and columns as those of a left operand, which mha-gpu tries
// before it offers these kernels.

// The relative score of where there is no key: its weight is 0. Never compared with, as a masked score may be any number.
const HIDDEN: f32 = -1e30;

fn lowest(x: f32) -> f32 {
    return LOWEST;
}

fn each_lowest(x: SumMatrix) -> SumMatrix {
    return x * lowest(0.0);
}

// A score from q·k.
fn score(x: f32) -> f32 {
    return x * (score_factor() * PRODUCT_FACTOR);
}

fn each_score(x: SumMatrix) -> SumMatrix {
    return x * score(0.0);
}

// A score relative to its row's reference.
fn relative_score(x: f32, reference: f32) -> f32 {
    return fma(x, score_factor() * PRODUCT_FACTOR, -reference);
}

fn each_relative_score(x: SumMatrix, reference: SumMatrix) -> SumMatrix {
    return x * relative_score(0.0, 0.0);
}

// A score by the number of its element, where masks or the end of the keys matter. `s` is the first row, `t` the first key.
fn masked_element(x: f32, position: f32, place: Place, s: u32, t: u32) -> f32 {
    let at = u32(position);
    let row = min(s + at / SIDE, place.rows_end - 1u);
    return masked_score(score(x), place.b, place.n, row, min(t + at % SIDE, place.last));
}

fn is_key(position: f32, place: Place, t: u32) -> bool {
    return t + u32(position) % SIDE < place.t_end;
}

// For a row's largest score, which LOWEST leaves as it is.
fn masked_or_lowest(x: f32, position: f32, place: Place, s: u32, t: u32) -> f32 {
    return select(LOWEST, masked_element(x, position, place, s, t), is_key(position, place, t));
}

fn each_masked_or_lowest(x: SumMatrix, position: SumMatrix, place: Place, s: u32, t: u32) -> SumMatrix {
    return x * masked_or_lowest(0.0, 0.0, place, s, t);
}

fn masked_relative(x: f32, position: f32, reference: f32, place: Place, s: u32, t: u32) -> f32 {
    return select(HIDDEN, masked_element(x, position, place, s, t) - reference, is_key(position, place, t));
}

fn each_masked_relative(
    x: SumMatrix,
    position: SumMatrix,
    reference: SumMatrix,
    place: Place,
    s: u32,
    t: u32,
) -> SumMatrix {
    return x * masked_relative(0.0, 0.0, 0.0, place, s, t);
}

fn each_hidden(x: SumMatrix) -> SumMatrix {
    return x * hidden(0.0);
}

fn hidden(x: f32) -> f32 {
    return HIDDEN;
}

// The weight of a relative score, as an operand: of float16, of which 65504 is the largest.
fn operand_weight(x: f32) -> f32 {
    return weight(x) * WEIGHT_FACTOR;
}

fn each_weight(x: SumMatrix) -> SumMatrix {
    return x * operand_weight(0.0);
}

fn larger(x: f32, y: f32) -> f32 {
    return max(x, y);
}

fn each_larger(x: SumMatrix, y: SumMatrix) -> SumMatrix {
    return x * larger(0.0, 0.0);
}

// The largest of this lane's elements and a number.
fn fold_larger(x: SumMatrix, largest: f32) -> f32 {
    return larger(largest, largest);
}

// What rows shrink by when their reference is raised.
fn shrink(before: f32, after: f32) -> f32 {
    return weight(before - after);
}

fn each_shrink(before: SumMatrix, after: SumMatrix) -> SumMatrix {
    return before * shrink(0.0, 0.0);
}

fn times(x: f32, y: f32) -> f32 {
    return x * y;
}

fn each_times(x: SumMatrix, y: SumMatrix) -> SumMatrix {
    return x * times(0.0, 0.0);
}
