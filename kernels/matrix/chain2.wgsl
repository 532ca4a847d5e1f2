// Scores of one block of query rows as two chains of products, since one gives a device too few that do not wait for another.
// Not for Metal, whose matrices have no sum.
struct Chains {
    even: SumMatrix,
    odd: SumMatrix,
}

fn add_even(a: LeftBlocks, b: Right, sums: Chains) -> Chains {
    return Chains(product(a.r0, b, sums.even), sums.odd);
}

fn add_odd(a: LeftBlocks, b: Right, sums: Chains) -> Chains {
    return Chains(sums.even, product(a.r0, b, sums.odd));
}

fn whole_sums(sums: Chains) -> SumBlocks {
    return SumBlocks(sums.even + sums.odd);
}
