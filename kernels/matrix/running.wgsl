// A tile's products are added to O one after the other. Where operands are float16 as they are, weights are rounded more
// coarsely than any sum.
fn weighted_sum(a: Left, b: Right, sum: SumMatrix) -> SumMatrix {
    return product(a, b, sum);
}
