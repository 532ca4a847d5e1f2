// Scores of one block of query rows as two chains of products over N blocks of columns, since one gives a device too few that do not wait
// for another. Not for Metal, whose matrices have no sum.

// Q times a block of keys.
fn block_scores(q: Queries, key_block: u32) -> SumBlocks {
    var even = SumMatrix();
    var odd = SumMatrix();
    //% for c in range(N)
    ${"odd" if c is odd else "even"} = product(q[${c}].r0, key_matrix(key_block, ${c}u), ${"odd" if c is odd else "even"});
    //% endfor
    return SumBlocks(even + odd);
}
