// Tiles in workgroup memory hold float32: for float32 tensors, and where a bias is added, so that the sum is not rounded.
alias Tile4 = vec4<f32>;

fn staged_key4(b: u32, n: u32, t: u32, h: u32) -> Tile4 {
    return source_key4(b, n, t, h);
}

fn staged_value4(b: u32, n: u32, t: u32, h: u32) -> Tile4 {
    return source_value4(b, n, t, h);
}
