// Tiles in workgroup memory hold float16, as the tensors do. For keys and values without a bias, which come as stored: a conversion to
// float32 and back would be left to the compiler to see through.
alias Tile4 = vec4<f16>;

fn staged_key4(b: u32, n: u32, t: u32, h: u32) -> Tile4 {
    return stored_key4(b, n, t, h);
}

fn staged_value4(b: u32, n: u32, t: u32, h: u32) -> Tile4 {
    return stored_value4(b, n, t, h);
}
