// 1 block of query rows to a subgroup. Written out for each count with named members, as arrays that are indexed may land
// in memory.
const ROW_BLOCKS: u32 = 1u;

struct LeftBlocks {
    r0: Left,
}

struct SumBlocks {
    r0: SumMatrix,
}

struct Rows {
    r0: Row,
}

fn first_rows(s: u32) -> Rows {
    return Rows(Row(s, LOWEST, 0.0, 0.0, 1.0));
}

fn multiply(a: LeftBlocks, b: Right, sums: SumBlocks) -> SumBlocks {
    return SumBlocks(product(a.r0, b, sums.r0));
}

// O plus weights times values.
fn add_weighted(a: LeftBlocks, b: Right, sums: SumBlocks) -> SumBlocks {
    return SumBlocks(weighted_sum(a.r0, b, sums.r0));
}

fn left_blocks(place: Place, key_block: u32) -> LeftBlocks {
    return LeftBlocks(left_matrix(place, 0u, key_block));
}

fn put_sums(sums: SumBlocks, place: Place, key_block: u32) {
    put_sum(sums.r0, place, 0u, key_block);
}

fn weigh(before: Rows, place: Place) -> Rows {
    var rows = before;
    let s0 = lane_scores(place, 0u);
    let w0 = plain_weights(s0, rows.r0.reference);
    rows.r0.total = lane_total(w0);
    put_lane_weights(w0, place, 0u);
    return rows;
}

fn weigh_masked(before: Rows, place: Place, t0: u32) -> Rows {
    var rows = before;
    let s0 = lane_scores(place, 0u);
    let w0 = masked_weights(s0, rows.r0, place, t0);
    rows.r0.total = lane_total(w0);
    put_lane_weights(w0, place, 0u);
    return rows;
}

fn weigh_rows_again(rows: Rows, place: Place, t0: u32) -> Rows {
    return Rows(weigh_again(rows.r0, place, t0, 0u));
}

fn has_lost(rows: Rows) -> bool {
    return rows.r0.total > LARGEST_SUM;
}

fn with_totals(before: Rows) -> Rows {
    var rows = before;
    rows.r0.sum += rows.r0.total;
    return rows;
}

fn with_row_sums(before: Rows, place: Place) -> Rows {
    var rows = before;
    rows.r0.sum = row_sum(rows.r0.sum);
    store_stats(rows.r0, place);
    return rows;
}

// A block of columns of Q, by way of where weights will be.
fn staged_query(rows: Rows, place: Place, column_block: u32) -> LeftBlocks {
    workgroupBarrier();
    stage_query(rows.r0, place, 0u, column_block);
    workgroupBarrier();
    return left_blocks(place, 0u);
}

// A block of columns of O with every row multiplied by what its lanes ask for, by way of where scores are.
fn scaled(sums: SumBlocks, rows: Rows, place: Place) -> SumBlocks {
    workgroupBarrier();
    put_sums(sums, place, 0u);
    workgroupBarrier();
    scale_staged(rows.r0, place, 0u);
    workgroupBarrier();
    return SumBlocks(get_sum(place, 0u));
}

fn store_block(sums: SumBlocks, rows: Rows, place: Place, column_block: u32) {
    workgroupBarrier();
    put_sums(sums, place, 0u);
    workgroupBarrier();
    store_staged(rows.r0, place, 0u, column_block);
}
