// 2 blocks of columns of Q, K, V and O. Written out for each count, as arrays that are indexed in a loop land in memory.
const COLUMN_BLOCKS: u32 = 2u;

alias Queries = array<LeftBlocks, 2>;
alias Outputs = array<SumBlocks, 2>;

fn load_queries(rows: Rows, place: Place) -> Queries {
    var q: Queries;
    q[0] = staged_query(rows, place, 0u);
    q[1] = staged_query(rows, place, 1u);
    return q;
}

// Q times a block of keys.
fn block_scores(q: Queries, key_block: u32) -> SumBlocks {
    var s = Chains();
    s = add_even(q[0], key_matrix(key_block, 0u), s);
    s = add_odd(q[1], key_matrix(key_block, 1u), s);
    return whole_sums(s);
}

// O plus weights times a block of values.
fn add_block(before: Outputs, w: LeftBlocks, key_block: u32) -> Outputs {
    var o = before;
    o[0] = add_weighted(w, value_matrix(key_block, 0u), o[0]);
    o[1] = add_weighted(w, value_matrix(key_block, 1u), o[1]);
    return o;
}

fn scale_outputs(before: Outputs, rows: Rows, place: Place) -> Outputs {
    var o = before;
    o[0] = scaled(o[0], rows, place);
    o[1] = scaled(o[1], rows, place);
    workgroupBarrier();
    return o;
}

fn store_outputs(o: Outputs, rows: Rows, place: Place) {
    store_block(o[0], rows, place, 0u);
    store_block(o[1], rows, place, 1u);
}
