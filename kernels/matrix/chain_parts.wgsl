// Scores of N blocks of query rows, whose operands have two parts, as two chains of products: what is large, and the rest, which is too
// small for matrix units that cut off sums to lose anything of it that shows. As one chain, each of three products in turn cut off a
// digit of what is large. Not for Metal, whose matrices have no sum, and which rounds.
struct Chains {
    large: SumBlocks,
    small: SumBlocks,
}

fn add_even(a: LeftBlocks, b: Right, sums: Chains) -> Chains {
    return Chains(
        SumBlocks(
            //% for r in range(N)
            coopMultiplyAdd(a.r${r}.high, b.high, sums.large.r${r}),
            //% endfor
        ),
        SumBlocks(
            //% for r in range(N)
            coopMultiplyAdd(a.r${r}.high, b.low, coopMultiplyAdd(a.r${r}.low, b.high, sums.small.r${r})),
            //% endfor
        ),
    );
}

fn add_odd(a: LeftBlocks, b: Right, sums: Chains) -> Chains {
    return add_even(a, b, sums);
}

fn whole_sums(sums: Chains) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        sums.large.r${r} + sums.small.r${r},
        //% endfor
    );
}
