// Weights in workgroup memory in single numbers.
fn put_weights(at: u32, x: vec4<f16>) {
    weights[at] = x.x;
    weights[at + 1u] = x.y;
    weights[at + 2u] = x.z;
    weights[at + 3u] = x.w;
}
