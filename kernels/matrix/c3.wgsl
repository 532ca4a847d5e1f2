// 3 blocks of columns of Q, K, V and O. Written out for each count, as arrays that are indexed in a loop land in memory.
const COLUMN_BLOCKS: u32 = 3u;

alias Queries = array<LeftBlocks, 3>;
alias Outputs = array<SumBlocks, 3>;

fn load_queries(rows: Rows, place: Place) -> Queries {
    var q: Queries;
    q[0] = staged_query(rows, place, 0u);
    q[1] = staged_query(rows, place, 1u);
    q[2] = staged_query(rows, place, 2u);
    return q;
}

// Q times a block of keys.
fn block_scores(q: Queries, key_block: u32) -> SumBlocks {
    var s = Chains();
    s = add_even(q[0], key_matrix(key_block, 0u), s);
    s = add_odd(q[1], key_matrix(key_block, 1u), s);
    s = add_even(q[2], key_matrix(key_block, 2u), s);
    return whole_sums(s);
}

// O plus weights times a block of values.
fn add_block(before: Outputs, w: LeftBlocks, key_block: u32) -> Outputs {
    var o = before;
    o[0] = add_weighted(w, value_matrix(key_block, 0u), o[0]);
    o[1] = add_weighted(w, value_matrix(key_block, 1u), o[1]);
    o[2] = add_weighted(w, value_matrix(key_block, 2u), o[2]);
    return o;
}

fn scale_outputs(before: Outputs, rows: Rows, place: Place) -> Outputs {
    var o = before;
    o[0] = scaled(o[0], rows, place);
    o[1] = scaled(o[1], rows, place);
    o[2] = scaled(o[2], rows, place);
    workgroupBarrier();
    return o;
}

fn store_outputs(o: Outputs, rows: Rows, place: Place) {
    store_block(o[0], rows, place, 0u);
    store_block(o[1], rows, place, 1u);
    store_block(o[2], rows, place, 2u);
}
