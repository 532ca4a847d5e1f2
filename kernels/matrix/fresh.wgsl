// A tile's products are summed from zero, then added to O. Matrix units may cut off what a sum has no digits for instead of
// rounding, always towards zero: over 4,096 keys that is 1.4e-6 on an H100, and 1e-7 so. Not for Metal, whose matrices have no
// sum and which rounds.
fn weighted_sum(a: Left, b: Right, sum: SumMatrix) -> SumMatrix {
    return sum + product(a, b, SumMatrix());
}
