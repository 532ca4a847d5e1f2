// Scores of N blocks of query rows, whose operands have two parts, as two chains of products over M blocks of columns: large products of
// the first half, and small ones of all columns with large ones of the second half after them. Matrix units that cut off what a sum has no
// digits for do so at its size. Products that come after large ones lose most, so small ones come before any, and no more than half of
// the large ones come after others. Not for Metal, whose matrices have no sum, and which rounds.
fn add_large(a: LeftBlocks, b: Right, sums: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        coopMultiplyAdd(a.r${r}.high, b.high, sums.r${r}),
        //% endfor
    );
}

fn add_small(a: LeftBlocks, b: Right, sums: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        coopMultiplyAdd(a.r${r}.high, b.low, coopMultiplyAdd(a.r${r}.low, b.high, sums.r${r})),
        //% endfor
    );
}

// Q times a block of keys.
fn block_scores(q: Queries, key_block: u32) -> SumBlocks {
    //% for c in range(M)
    let k${c} = key_matrix(key_block, ${c}u);
    //% endfor
    var first = SumBlocks();
    var second = SumBlocks();
    //% for c in range(M)
    second = add_small(q[${c}], k${c}, second);
    //% if c < (M + 1) // 2
    first = add_large(q[${c}], k${c}, first);
    //% endif
    //% endfor
    //% for c in range((M + 1) // 2, M)
    second = add_large(q[${c}], k${c}, second);
    //% endfor
    return SumBlocks(
        //% for r in range(N)
        first.r${r} + second.r${r},
        //% endfor
    );
}
