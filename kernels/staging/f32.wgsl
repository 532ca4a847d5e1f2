// Tiles in workgroup memory hold float32: for float32 tensors, and where a bias is added, so that the sum is not rounded.
alias Tile4 = vec4<f32>;
