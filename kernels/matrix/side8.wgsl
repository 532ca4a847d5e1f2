// Cooperative matrices of 8 x 8: float16 operands, float32 sums.
const SIDE: u32 = 8u;
alias LeftMatrix = coop_mat8x8<f16, A>;
alias RightMatrix = coop_mat8x8<f16, B>;
alias SumMatrix = coop_mat8x8<f32, C>;
