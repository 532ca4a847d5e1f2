// 10 blocks of columns of Q, K, V and O. Written out for each count, as arrays that are indexed in a loop land in memory.
const COLUMN_BLOCKS: u32 = 10u;

alias Queries = array<LeftBlocks, 10>;
alias Outputs = array<SumBlocks, 10>;

fn load_queries(rows: Rows, place: Place) -> Queries {
    var q: Queries;
    q[0] = staged_query(rows, place, 0u);
    q[1] = staged_query(rows, place, 1u);
    q[2] = staged_query(rows, place, 2u);
    q[3] = staged_query(rows, place, 3u);
    q[4] = staged_query(rows, place, 4u);
    q[5] = staged_query(rows, place, 5u);
    q[6] = staged_query(rows, place, 6u);
    q[7] = staged_query(rows, place, 7u);
    q[8] = staged_query(rows, place, 8u);
    q[9] = staged_query(rows, place, 9u);
    return q;
}

// Q times a block of keys.
fn block_scores(q: Queries, key_block: u32) -> SumBlocks {
    var s = Chains();
    s = add_even(q[0], key_matrix(key_block, 0u), s);
    s = add_odd(q[1], key_matrix(key_block, 1u), s);
    s = add_even(q[2], key_matrix(key_block, 2u), s);
    s = add_odd(q[3], key_matrix(key_block, 3u), s);
    s = add_even(q[4], key_matrix(key_block, 4u), s);
    s = add_odd(q[5], key_matrix(key_block, 5u), s);
    s = add_even(q[6], key_matrix(key_block, 6u), s);
    s = add_odd(q[7], key_matrix(key_block, 7u), s);
    s = add_even(q[8], key_matrix(key_block, 8u), s);
    s = add_odd(q[9], key_matrix(key_block, 9u), s);
    return whole_sums(s);
}

// O plus weights times a block of values.
fn add_block(before: Outputs, w: LeftBlocks, key_block: u32) -> Outputs {
    var o = before;
    o[0] = add_weighted(w, value_matrix(key_block, 0u), o[0]);
    o[1] = add_weighted(w, value_matrix(key_block, 1u), o[1]);
    o[2] = add_weighted(w, value_matrix(key_block, 2u), o[2]);
    o[3] = add_weighted(w, value_matrix(key_block, 3u), o[3]);
    o[4] = add_weighted(w, value_matrix(key_block, 4u), o[4]);
    o[5] = add_weighted(w, value_matrix(key_block, 5u), o[5]);
    o[6] = add_weighted(w, value_matrix(key_block, 6u), o[6]);
    o[7] = add_weighted(w, value_matrix(key_block, 7u), o[7]);
    o[8] = add_weighted(w, value_matrix(key_block, 8u), o[8]);
    o[9] = add_weighted(w, value_matrix(key_block, 9u), o[9]);
    return o;
}

fn scale_outputs(before: Outputs, rows: Rows, place: Place) -> Outputs {
    var o = before;
    o[0] = scaled(o[0], rows, place);
    o[1] = scaled(o[1], rows, place);
    o[2] = scaled(o[2], rows, place);
    o[3] = scaled(o[3], rows, place);
    o[4] = scaled(o[4], rows, place);
    o[5] = scaled(o[5], rows, place);
    o[6] = scaled(o[6], rows, place);
    o[7] = scaled(o[7], rows, place);
    o[8] = scaled(o[8], rows, place);
    o[9] = scaled(o[9], rows, place);
    workgroupBarrier();
    return o;
}

fn store_outputs(o: Outputs, rows: Rows, place: Place) {
    store_block(o[0], rows, place, 0u);
    store_block(o[1], rows, place, 1u);
    store_block(o[2], rows, place, 2u);
    store_block(o[3], rows, place, 3u);
    store_block(o[4], rows, place, 4u);
    store_block(o[5], rows, place, 5u);
    store_block(o[6], rows, place, 6u);
    store_block(o[7], rows, place, 7u);
    store_block(o[8], rows, place, 8u);
    store_block(o[9], rows, place, 9u);
}
