// A subgroup's matrices: 1 block of rows by 16 of columns; a tile of keys has 1 block. Named members, as arrays that are
// indexed may land in memory.
const ROW_BLOCKS: u32 = 1u;
const COLUMN_BLOCKS: u32 = 16u;
const KEY_TILE: u32 = 1u * SIDE;

struct Queries {
    r0c0: LeftMatrix,
    r0c1: LeftMatrix,
    r0c2: LeftMatrix,
    r0c3: LeftMatrix,
    r0c4: LeftMatrix,
    r0c5: LeftMatrix,
    r0c6: LeftMatrix,
    r0c7: LeftMatrix,
    r0c8: LeftMatrix,
    r0c9: LeftMatrix,
    r0c10: LeftMatrix,
    r0c11: LeftMatrix,
    r0c12: LeftMatrix,
    r0c13: LeftMatrix,
    r0c14: LeftMatrix,
    r0c15: LeftMatrix,
}

struct Outputs {
    r0c0: SumMatrix,
    r0c1: SumMatrix,
    r0c2: SumMatrix,
    r0c3: SumMatrix,
    r0c4: SumMatrix,
    r0c5: SumMatrix,
    r0c6: SumMatrix,
    r0c7: SumMatrix,
    r0c8: SumMatrix,
    r0c9: SumMatrix,
    r0c10: SumMatrix,
    r0c11: SumMatrix,
    r0c12: SumMatrix,
    r0c13: SumMatrix,
    r0c14: SumMatrix,
    r0c15: SumMatrix,
}

fn load_query(first_row: u32) -> LeftMatrix {
    return coopLoadT<LeftMatrix>(&weights[first_row * WEIGHTS_ROW / UNIT], WEIGHTS_ROW / UNIT);
}

fn load_queries(row: Row, place: Place, first_row: u32) -> Queries {
    var q: Queries;
    stage_query(row, place, 0u);
    workgroupBarrier();
    q.r0c0 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 1u);
    workgroupBarrier();
    q.r0c1 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 2u);
    workgroupBarrier();
    q.r0c2 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 3u);
    workgroupBarrier();
    q.r0c3 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 4u);
    workgroupBarrier();
    q.r0c4 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 5u);
    workgroupBarrier();
    q.r0c5 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 6u);
    workgroupBarrier();
    q.r0c6 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 7u);
    workgroupBarrier();
    q.r0c7 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 8u);
    workgroupBarrier();
    q.r0c8 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 9u);
    workgroupBarrier();
    q.r0c9 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 10u);
    workgroupBarrier();
    q.r0c10 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 11u);
    workgroupBarrier();
    q.r0c11 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 12u);
    workgroupBarrier();
    q.r0c12 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 13u);
    workgroupBarrier();
    q.r0c13 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 14u);
    workgroupBarrier();
    q.r0c14 = load_query(first_row);
    workgroupBarrier();
    stage_query(row, place, 15u);
    workgroupBarrier();
    q.r0c15 = load_query(first_row);
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
    let k0c0 = key_matrix(odd, 0u, 0u);
    s0k0 = coopMultiplyAdd(q.r0c0, k0c0, s0k0);
    let k0c1 = key_matrix(odd, 0u, 1u);
    s0k0 = coopMultiplyAdd(q.r0c1, k0c1, s0k0);
    let k0c2 = key_matrix(odd, 0u, 2u);
    s0k0 = coopMultiplyAdd(q.r0c2, k0c2, s0k0);
    let k0c3 = key_matrix(odd, 0u, 3u);
    s0k0 = coopMultiplyAdd(q.r0c3, k0c3, s0k0);
    let k0c4 = key_matrix(odd, 0u, 4u);
    s0k0 = coopMultiplyAdd(q.r0c4, k0c4, s0k0);
    let k0c5 = key_matrix(odd, 0u, 5u);
    s0k0 = coopMultiplyAdd(q.r0c5, k0c5, s0k0);
    let k0c6 = key_matrix(odd, 0u, 6u);
    s0k0 = coopMultiplyAdd(q.r0c6, k0c6, s0k0);
    let k0c7 = key_matrix(odd, 0u, 7u);
    s0k0 = coopMultiplyAdd(q.r0c7, k0c7, s0k0);
    let k0c8 = key_matrix(odd, 0u, 8u);
    s0k0 = coopMultiplyAdd(q.r0c8, k0c8, s0k0);
    let k0c9 = key_matrix(odd, 0u, 9u);
    s0k0 = coopMultiplyAdd(q.r0c9, k0c9, s0k0);
    let k0c10 = key_matrix(odd, 0u, 10u);
    s0k0 = coopMultiplyAdd(q.r0c10, k0c10, s0k0);
    let k0c11 = key_matrix(odd, 0u, 11u);
    s0k0 = coopMultiplyAdd(q.r0c11, k0c11, s0k0);
    let k0c12 = key_matrix(odd, 0u, 12u);
    s0k0 = coopMultiplyAdd(q.r0c12, k0c12, s0k0);
    let k0c13 = key_matrix(odd, 0u, 13u);
    s0k0 = coopMultiplyAdd(q.r0c13, k0c13, s0k0);
    let k0c14 = key_matrix(odd, 0u, 14u);
    s0k0 = coopMultiplyAdd(q.r0c14, k0c14, s0k0);
    let k0c15 = key_matrix(odd, 0u, 15u);
    s0k0 = coopMultiplyAdd(q.r0c15, k0c15, s0k0);
    put_sum(s0k0, first_row, 0u);
}

// O plus the weights of a tile times its values.
fn add_values(before: Outputs, first_row: u32, odd: u32) -> Outputs {
    var o = before;
    let w0k0 = weight_matrix(first_row, 0u);
    let v0c0 = value_matrix(odd, 0u, 0u);
    o.r0c0 = coopMultiplyAdd(w0k0, v0c0, o.r0c0);
    let v0c1 = value_matrix(odd, 0u, 1u);
    o.r0c1 = coopMultiplyAdd(w0k0, v0c1, o.r0c1);
    let v0c2 = value_matrix(odd, 0u, 2u);
    o.r0c2 = coopMultiplyAdd(w0k0, v0c2, o.r0c2);
    let v0c3 = value_matrix(odd, 0u, 3u);
    o.r0c3 = coopMultiplyAdd(w0k0, v0c3, o.r0c3);
    let v0c4 = value_matrix(odd, 0u, 4u);
    o.r0c4 = coopMultiplyAdd(w0k0, v0c4, o.r0c4);
    let v0c5 = value_matrix(odd, 0u, 5u);
    o.r0c5 = coopMultiplyAdd(w0k0, v0c5, o.r0c5);
    let v0c6 = value_matrix(odd, 0u, 6u);
    o.r0c6 = coopMultiplyAdd(w0k0, v0c6, o.r0c6);
    let v0c7 = value_matrix(odd, 0u, 7u);
    o.r0c7 = coopMultiplyAdd(w0k0, v0c7, o.r0c7);
    let v0c8 = value_matrix(odd, 0u, 8u);
    o.r0c8 = coopMultiplyAdd(w0k0, v0c8, o.r0c8);
    let v0c9 = value_matrix(odd, 0u, 9u);
    o.r0c9 = coopMultiplyAdd(w0k0, v0c9, o.r0c9);
    let v0c10 = value_matrix(odd, 0u, 10u);
    o.r0c10 = coopMultiplyAdd(w0k0, v0c10, o.r0c10);
    let v0c11 = value_matrix(odd, 0u, 11u);
    o.r0c11 = coopMultiplyAdd(w0k0, v0c11, o.r0c11);
    let v0c12 = value_matrix(odd, 0u, 12u);
    o.r0c12 = coopMultiplyAdd(w0k0, v0c12, o.r0c12);
    let v0c13 = value_matrix(odd, 0u, 13u);
    o.r0c13 = coopMultiplyAdd(w0k0, v0c13, o.r0c13);
    let v0c14 = value_matrix(odd, 0u, 14u);
    o.r0c14 = coopMultiplyAdd(w0k0, v0c14, o.r0c14);
    let v0c15 = value_matrix(odd, 0u, 15u);
    o.r0c15 = coopMultiplyAdd(w0k0, v0c15, o.r0c15);
    return o;
}

// O with every row multiplied by what its lanes ask for, by way of where scores are.
fn scale_outputs(before: Outputs, row: Row, first_row: u32) -> Outputs {
    var o = before;
    put_sum(o.r0c0, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c0 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c1, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c1 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c2, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c2 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c3, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c3 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c4, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c4 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c5, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c5 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c6, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c6 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c7, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c7 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c8, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c8 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c9, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c9 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c10, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c10 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c11, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c11 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c12, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c12 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c13, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c13 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c14, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c14 = get_sum(first_row);
    workgroupBarrier();
    put_sum(o.r0c15, first_row, 0u);
    workgroupBarrier();
    scale_staged(row);
    workgroupBarrier();
    o.r0c15 = get_sum(first_row);
    workgroupBarrier();
    return o;
}

fn store_outputs(o: Outputs, row: Row, place: Place, split: u32, first_row: u32) {
    workgroupBarrier();
    put_sum(o.r0c0, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 0u);
    workgroupBarrier();
    put_sum(o.r0c1, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 1u);
    workgroupBarrier();
    put_sum(o.r0c2, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 2u);
    workgroupBarrier();
    put_sum(o.r0c3, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 3u);
    workgroupBarrier();
    put_sum(o.r0c4, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 4u);
    workgroupBarrier();
    put_sum(o.r0c5, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 5u);
    workgroupBarrier();
    put_sum(o.r0c6, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 6u);
    workgroupBarrier();
    put_sum(o.r0c7, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 7u);
    workgroupBarrier();
    put_sum(o.r0c8, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 8u);
    workgroupBarrier();
    put_sum(o.r0c9, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 9u);
    workgroupBarrier();
    put_sum(o.r0c10, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 10u);
    workgroupBarrier();
    put_sum(o.r0c11, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 11u);
    workgroupBarrier();
    put_sum(o.r0c12, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 12u);
    workgroupBarrier();
    put_sum(o.r0c13, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 13u);
    workgroupBarrier();
    put_sum(o.r0c14, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 14u);
    workgroupBarrier();
    put_sum(o.r0c15, first_row, 0u);
    workgroupBarrier();
    store_staged(row, place, split, 15u);
}
