// 2 blocks of query rows to a subgroup. Written out for each count with named members, as arrays that are indexed may land
// in memory.
const ROW_BLOCKS: u32 = 2u;

struct LeftBlocks {
    r0: Left,
    r1: Left,
}

struct SumBlocks {
    r0: SumMatrix,
    r1: SumMatrix,
}

struct Rows {
    r0: Row,
    r1: Row,
}

fn first_rows(s: u32) -> Rows {
    return Rows(Row(s, LOWEST, 0.0, 0.0, 1.0), Row(s + SIDE, LOWEST, 0.0, 0.0, 1.0));
}

fn multiply(a: LeftBlocks, b: Right, sums: SumBlocks) -> SumBlocks {
    return SumBlocks(product(a.r0, b, sums.r0), product(a.r1, b, sums.r1));
}

// O plus weights times values.
fn add_weighted(a: LeftBlocks, b: Right, sums: SumBlocks) -> SumBlocks {
    return SumBlocks(weighted_sum(a.r0, b, sums.r0), weighted_sum(a.r1, b, sums.r1));
}

fn left_blocks(place: Place, key_block: u32) -> LeftBlocks {
    return LeftBlocks(left_matrix(place, 0u, key_block), left_matrix(place, 1u, key_block));
}

fn put_sums(sums: SumBlocks, place: Place, key_block: u32) {
    put_sum(sums.r0, place, 0u, key_block);
    put_sum(sums.r1, place, 1u, key_block);
}

fn weigh(before: Rows, place: Place) -> Rows {
    var rows = before;
    // All loads before any store, as a compiler takes scores and weights to be one memory.
    let s0 = lane_scores(place, 0u);
    let s1 = lane_scores(place, 1u);
    let w0 = plain_weights(s0, rows.r0.reference);
    let w1 = plain_weights(s1, rows.r1.reference);
    rows.r0.total = lane_total(w0);
    rows.r1.total = lane_total(w1);
    put_lane_weights(w0, place, 0u);
    put_lane_weights(w1, place, 1u);
    return rows;
}

fn weigh_masked(before: Rows, place: Place, t0: u32) -> Rows {
    var rows = before;
    let s0 = lane_scores(place, 0u);
    let s1 = lane_scores(place, 1u);
    let w0 = masked_weights(s0, rows.r0, place, t0);
    let w1 = masked_weights(s1, rows.r1, place, t0);
    rows.r0.total = lane_total(w0);
    rows.r1.total = lane_total(w1);
    put_lane_weights(w0, place, 0u);
    put_lane_weights(w1, place, 1u);
    return rows;
}

fn weigh_rows_again(rows: Rows, place: Place, t0: u32) -> Rows {
    return Rows(weigh_again(rows.r0, place, t0, 0u), weigh_again(rows.r1, place, t0, 1u));
}

fn has_lost(rows: Rows) -> bool {
    return max(rows.r0.total, rows.r1.total) > LARGEST_SUM;
}

fn with_totals(before: Rows) -> Rows {
    var rows = before;
    rows.r0.sum += rows.r0.total;
    rows.r1.sum += rows.r1.total;
    return rows;
}

fn with_row_sums(before: Rows, place: Place) -> Rows {
    var rows = before;
    rows.r0.sum = row_sum(rows.r0.sum);
    store_stats(rows.r0, place);
    rows.r1.sum = row_sum(rows.r1.sum);
    store_stats(rows.r1, place);
    return rows;
}

// A block of columns of Q, by way of where weights will be.
fn staged_query(rows: Rows, place: Place, column_block: u32) -> LeftBlocks {
    workgroupBarrier();
    stage_query(rows.r0, place, 0u, column_block);
    stage_query(rows.r1, place, 1u, column_block);
    workgroupBarrier();
    return left_blocks(place, 0u);
}

// A block of columns of O with every row multiplied by what its lanes ask for, by way of where scores are.
fn scaled(sums: SumBlocks, rows: Rows, place: Place) -> SumBlocks {
    workgroupBarrier();
    put_sums(sums, place, 0u);
    workgroupBarrier();
    scale_staged(rows.r0, place, 0u);
    scale_staged(rows.r1, place, 1u);
    workgroupBarrier();
    return SumBlocks(get_sum(place, 0u), get_sum(place, 1u));
}

fn store_block(sums: SumBlocks, rows: Rows, place: Place, column_block: u32) {
    workgroupBarrier();
    put_sums(sums, place, 0u);
    workgroupBarrier();
    store_staged(rows.r0, place, 0u, column_block);
    store_staged(rows.r1, place, 1u, column_block);
}
