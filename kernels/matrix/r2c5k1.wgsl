// A subgroup's matrices: 2 blocks of rows by 5 of columns; a tile of keys has 1 block. Named members, as arrays that are
// indexed may land in memory.
const ROW_BLOCKS: u32 = 2u;
const COLUMN_BLOCKS: u32 = 5u;
const KEY_TILE: u32 = 1u * SIDE;

struct Queries {
    r0c0: LeftMatrix,
    r0c1: LeftMatrix,
    r0c2: LeftMatrix,
    r0c3: LeftMatrix,
    r0c4: LeftMatrix,
    r1c0: LeftMatrix,
    r1c1: LeftMatrix,
    r1c2: LeftMatrix,
    r1c3: LeftMatrix,
    r1c4: LeftMatrix,
}

struct Outputs {
    r0c0: SumMatrix,
    r0c1: SumMatrix,
    r0c2: SumMatrix,
    r0c3: SumMatrix,
    r0c4: SumMatrix,
    r1c0: SumMatrix,
    r1c1: SumMatrix,
    r1c2: SumMatrix,
    r1c3: SumMatrix,
    r1c4: SumMatrix,
}

fn load_query(first_row: u32) -> LeftMatrix {
    return coopLoadT<LeftMatrix>(&weights[first_row * WEIGHTS_ROW / UNIT], WEIGHTS_ROW / UNIT);
}

fn load_queries(row: Row, place: Place, first_row: u32) -> Queries {
    var q: Queries;
    stage_query(row, place, 0u);
    workgroupBarrier();
    q.r0c0 = load_query(first_row);
    q.r1c0 = load_query(first_row + SIDE);
    workgroupBarrier();
    stage_query(row, place, 1u);
    workgroupBarrier();
    q.r0c1 = load_query(first_row);
    q.r1c1 = load_query(first_row + SIDE);
    workgroupBarrier();
    stage_query(row, place, 2u);
    workgroupBarrier();
    q.r0c2 = load_query(first_row);
    q.r1c2 = load_query(first_row + SIDE);
    workgroupBarrier();
    stage_query(row, place, 3u);
    workgroupBarrier();
    q.r0c3 = load_query(first_row);
    q.r1c3 = load_query(first_row + SIDE);
    workgroupBarrier();
    stage_query(row, place, 4u);
    workgroupBarrier();
    q.r0c4 = load_query(first_row);
    q.r1c4 = load_query(first_row + SIDE);
    workgroupBarrier();
    return q;
}

fn key_matrix(odd: u32, key_block: u32, column_block: u32) -> RightMatrix {
    let at = odd * TILE_AREA + key_block * SIDE * TILE_ROW + column_block * SIDE;
    return coopLoad<RightMatrix>(&keys[at / UNIT], TILE_ROW / UNIT);
}

fn value_matrix(odd: u32, key_block: u32, column_block: u32) -> RightMatrix {
    let at = odd * TILE_AREA + key_block * SIDE * TILE_ROW + column_block * SIDE;
    return coopLoadT<RightMatrix>(&values[at / UNIT], TILE_ROW / UNIT);
}

fn weight_matrix(first_row: u32, key_block: u32) -> LeftMatrix {
    let at = first_row * WEIGHTS_ROW + key_block * SIDE;
    return coopLoadT<LeftMatrix>(&weights[at / UNIT], WEIGHTS_ROW / UNIT);
}

fn put_sum(sum: SumMatrix, first_row: u32, key_block: u32) {
    let at = first_row * SCORES_ROW + key_block * SIDE;
    coopStoreT(sum, &scores[at / UNIT], SCORES_ROW / UNIT);
}

fn get_sum(first_row: u32) -> SumMatrix {
    return coopLoadT<SumMatrix>(&scores[first_row * SCORES_ROW / UNIT], SCORES_ROW / UNIT);
}

// Q times the keys of a tile, to where scores are kept.
fn put_tile_scores(q: Queries, first_row: u32, odd: u32) {
    var s0k0 = SumMatrix();
    var s1k0 = SumMatrix();
    let k0c0 = key_matrix(odd, 0u, 0u);
    s0k0 = coopMultiplyAdd(q.r0c0, k0c0, s0k0);
    s1k0 = coopMultiplyAdd(q.r1c0, k0c0, s1k0);
    let k0c1 = key_matrix(odd, 0u, 1u);
    s0k0 = coopMultiplyAdd(q.r0c1, k0c1, s0k0);
    s1k0 = coopMultiplyAdd(q.r1c1, k0c1, s1k0);
    let k0c2 = key_matrix(odd, 0u, 2u);
    s0k0 = coopMultiplyAdd(q.r0c2, k0c2, s0k0);
    s1k0 = coopMultiplyAdd(q.r1c2, k0c2, s1k0);
    let k0c3 = key_matrix(odd, 0u, 3u);
    s0k0 = coopMultiplyAdd(q.r0c3, k0c3, s0k0);
    s1k0 = coopMultiplyAdd(q.r1c3, k0c3, s1k0);
    let k0c4 = key_matrix(odd, 0u, 4u);
    s0k0 = coopMultiplyAdd(q.r0c4, k0c4, s0k0);
    s1k0 = coopMultiplyAdd(q.r1c4, k0c4, s1k0);
    put_sum(s0k0, first_row, 0u);
    put_sum(s1k0, first_row + SIDE, 0u);
}

// O plus the weights of a tile times its values.
fn add_values(before: Outputs, first_row: u32, odd: u32) -> Outputs {
    var o = before;
    let w0k0 = weight_matrix(first_row, 0u);
    let w1k0 = weight_matrix(first_row + SIDE, 0u);
    let v0c0 = value_matrix(odd, 0u, 0u);
    o.r0c0 = coopMultiplyAdd(w0k0, v0c0, o.r0c0);
    o.r1c0 = coopMultiplyAdd(w1k0, v0c0, o.r1c0);
    let v0c1 = value_matrix(odd, 0u, 1u);
    o.r0c1 = coopMultiplyAdd(w0k0, v0c1, o.r0c1);
    o.r1c1 = coopMultiplyAdd(w1k0, v0c1, o.r1c1);
    let v0c2 = value_matrix(odd, 0u, 2u);
    o.r0c2 = coopMultiplyAdd(w0k0, v0c2, o.r0c2);
    o.r1c2 = coopMultiplyAdd(w1k0, v0c2, o.r1c2);
    let v0c3 = value_matrix(odd, 0u, 3u);
    o.r0c3 = coopMultiplyAdd(w0k0, v0c3, o.r0c3);
    o.r1c3 = coopMultiplyAdd(w1k0, v0c3, o.r1c3);
    let v0c4 = value_matrix(odd, 0u, 4u);
    o.r0c4 = coopMultiplyAdd(w0k0, v0c4, o.r0c4);
    o.r1c4 = coopMultiplyAdd(w1k0, v0c4, o.r1c4);
    return o;
}

// O with every row multiplied by what its lanes ask for, by way of where scores are.
fn scale_outputs(before: Outputs, row: Row, first_row: u32) -> Outputs {
    var o = before;
    put_sum(o.r0c0, first_row, 0u);
    put_sum(o.r1c0, first_row + SIDE, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c0 = get_sum(first_row);
    o.r1c0 = get_sum(first_row + SIDE);
    workgroupBarrier();
    put_sum(o.r0c1, first_row, 0u);
    put_sum(o.r1c1, first_row + SIDE, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c1 = get_sum(first_row);
    o.r1c1 = get_sum(first_row + SIDE);
    workgroupBarrier();
    put_sum(o.r0c2, first_row, 0u);
    put_sum(o.r1c2, first_row + SIDE, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c2 = get_sum(first_row);
    o.r1c2 = get_sum(first_row + SIDE);
    workgroupBarrier();
    put_sum(o.r0c3, first_row, 0u);
    put_sum(o.r1c3, first_row + SIDE, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c3 = get_sum(first_row);
    o.r1c3 = get_sum(first_row + SIDE);
    workgroupBarrier();
    put_sum(o.r0c4, first_row, 0u);
    put_sum(o.r1c4, first_row + SIDE, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c4 = get_sum(first_row);
    o.r1c4 = get_sum(first_row + SIDE);
    workgroupBarrier();
    return o;
}

fn store_outputs(o: Outputs, row: Row, place: Place, split: u32, first_row: u32) {
    workgroupBarrier();
    put_sum(o.r0c0, first_row, 0u);
    put_sum(o.r1c0, first_row + SIDE, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 0u);
    workgroupBarrier();
    put_sum(o.r0c1, first_row, 0u);
    put_sum(o.r1c1, first_row + SIDE, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 1u);
    workgroupBarrier();
    put_sum(o.r0c2, first_row, 0u);
    put_sum(o.r1c2, first_row + SIDE, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 2u);
    workgroupBarrier();
    put_sum(o.r0c3, first_row, 0u);
    put_sum(o.r1c3, first_row + SIDE, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 3u);
    workgroupBarrier();
    put_sum(o.r0c4, first_row, 0u);
    put_sum(o.r1c4, first_row + SIDE, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 4u);
}
