// Weights in workgroup memory in vectors of four. `at` is a multiple of 4.
fn put_weights(at: u32, x: vec4<f16>) {
    weights[at / 4u] = x;
}
