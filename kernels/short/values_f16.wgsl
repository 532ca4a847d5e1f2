// o plus a block of values, one by one: what this rounds is far below the rounding of a float16 output.
fn add_weighted_block(o: Slice, w: vec4<f32>, v0: Slice, v1: Slice, v2: Slice, v3: Slice) -> Slice {
    let first = add_weighted_slice(add_weighted_slice(o, w.x, v0), w.y, v1);
    return add_weighted_slice(add_weighted_slice(first, w.z, v2), w.w, v3);
}
