// Left operands from sums, in float16.
// References are above a row's first scores by it, so that scores may grow by more before weights leave float16's range.
const HEADROOM: f32 = -4.0;
// None is needed: all weights are rounded to float16, by more than small ones lose besides.
const WEIGHT_FACTOR: f32 = 1.0;
// Scores may exceed their row's reference by this, in units of log2 or of e: 2^15 and e^10 are below 65504.
const LARGEST_LOG2: f32 = 15.0;
const LARGEST_NATURAL: f32 = 10.0;

fn half_of(x: f32) -> f16 {
    return f16(x);
}

fn each_half_of(x: SumMatrix) -> LeftMatrix {
    return LeftMatrix() * half_of(0.0);
}

fn left_of(x: SumMatrix) -> Left {
    return each_half_of(x);
}

// Nothing is left of values that are float16.
fn store_first_values(place: Place, first: Ahead) {
    store_values(place, first, 0u);
}

fn add_first_rest(state: State, place: Place) -> State {
    return state;
}
