// o plus a block of values, which are summed from zero first: a quarter of the additions into o, whose roundings are the larger the
// more it holds.
fn add_weighted_block(o: Slice, w: vec4<f32>, v0: Slice, v1: Slice, v2: Slice, v3: Slice) -> Slice {
    let first = add_weighted_slice(scaled_slice(v0, w.x), w.y, v1);
    return sum_slices(o, add_weighted_slice(add_weighted_slice(first, w.z, v2), w.w, v3));
}
