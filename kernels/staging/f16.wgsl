// Tiles in workgroup memory hold float16, as the tensors do.
alias Tile4 = vec4<f16>;
