// N blocks of columns of Q, K, V and O. Written out for each count, as arrays that are indexed in a loop land in memory.
const COLUMN_BLOCKS: u32 = ${N}u;

alias Queries = array<LeftBlocks, ${N}>;
alias Outputs = array<SumBlocks, ${N}>;

// Q times a block of keys.
fn block_scores(q: Queries, key_block: u32) -> SumBlocks {
    var s = Chains();
    //% for c in range(N)
    s = ${"add_odd" if c is odd else "add_even"}(q[${c}], key_matrix(key_block, ${c}u), s);
    //% endfor
    return whole_sums(s);
}

// O plus weights times a block of values.
fn add_block(before: Outputs, w: LeftBlocks, key_block: u32) -> Outputs {
    var o = before;
    //% for c in range(N)
    o[${c}] = add_weighted(w, value_matrix(key_block, ${c}u), o[${c}]);
    //% endfor
    return o;
}

fn store_outputs(o: Outputs, rows: Rows, place: Place) {
    //% for c in range(N)
    store_block(o[${c}], rows, place, ${c}u);
    //% endfor
}
