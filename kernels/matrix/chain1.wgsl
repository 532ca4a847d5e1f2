// Scores as one chain of products over N blocks of columns, each of which waits for the one before.

// Q times a block of keys.
fn block_scores(q: Queries, key_block: u32) -> SumBlocks {
    var s = SumBlocks();
    //% for c in range(N)
    s = multiply(q[${c}], key_matrix(key_block, ${c}u), s);
    //% endfor
    return s;
}
