// o plus the values of a turn's blocks at `at` and `at_b`, weighted, key by key.
fn add_turn(o: Outputs, w: RowVectors, w_b: RowVectors, at: vec4<u32>, at_b: vec4<u32>) -> Outputs {
    return add_values(add_values(o, w, at), w_b, at_b);
}
