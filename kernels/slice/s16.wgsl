// A lane's part of each row: 16 vec4 of columns, every LANES-th. Named members for the reason that rows have them.
const SLICE4: u32 = 16u;

// Of Q, each part over all rows.
struct Queries {
    c0: RowVectors,
    c1: RowVectors,
    c2: RowVectors,
    c3: RowVectors,
    c4: RowVectors,
    c5: RowVectors,
    c6: RowVectors,
    c7: RowVectors,
    c8: RowVectors,
    c9: RowVectors,
    c10: RowVectors,
    c11: RowVectors,
    c12: RowVectors,
    c13: RowVectors,
    c14: RowVectors,
    c15: RowVectors,
}

fn load_queries(b: u32, n: u32, first: u32, end: u32, lane: u32, factor: f32) -> Queries {
    var q: Queries;
    q.c0 = load_part(b, n, first, end, 0u, lane, factor);
    q.c1 = load_part(b, n, first, end, 1u, lane, factor);
    q.c2 = load_part(b, n, first, end, 2u, lane, factor);
    q.c3 = load_part(b, n, first, end, 3u, lane, factor);
    q.c4 = load_part(b, n, first, end, 4u, lane, factor);
    q.c5 = load_part(b, n, first, end, 5u, lane, factor);
    q.c6 = load_part(b, n, first, end, 6u, lane, factor);
    q.c7 = load_part(b, n, first, end, 7u, lane, factor);
    q.c8 = load_part(b, n, first, end, 8u, lane, factor);
    q.c9 = load_part(b, n, first, end, 9u, lane, factor);
    q.c10 = load_part(b, n, first, end, 10u, lane, factor);
    q.c11 = load_part(b, n, first, end, 11u, lane, factor);
    q.c12 = load_part(b, n, first, end, 12u, lane, factor);
    q.c13 = load_part(b, n, first, end, 13u, lane, factor);
    q.c14 = load_part(b, n, first, end, 14u, lane, factor);
    q.c15 = load_part(b, n, first, end, 15u, lane, factor);
    return q;
}

// This lane's share of the scores of the four keys at `at`.
fn block_scores(q: Queries, at: vec4<u32>) -> RowVectors {
    var s = RowVectors();
    s = part_scores(s, q.c0, at);
    s = part_scores(s, q.c1, at + LANES);
    s = part_scores(s, q.c2, at + 2u * LANES);
    s = part_scores(s, q.c3, at + 3u * LANES);
    s = part_scores(s, q.c4, at + 4u * LANES);
    s = part_scores(s, q.c5, at + 5u * LANES);
    s = part_scores(s, q.c6, at + 6u * LANES);
    s = part_scores(s, q.c7, at + 7u * LANES);
    s = part_scores(s, q.c8, at + 8u * LANES);
    s = part_scores(s, q.c9, at + 9u * LANES);
    s = part_scores(s, q.c10, at + 10u * LANES);
    s = part_scores(s, q.c11, at + 11u * LANES);
    s = part_scores(s, q.c12, at + 12u * LANES);
    s = part_scores(s, q.c13, at + 13u * LANES);
    s = part_scores(s, q.c14, at + 14u * LANES);
    s = part_scores(s, q.c15, at + 15u * LANES);
    return s;
}

// Of one row of V or O.
struct Slice {
    c0: vec4<f32>,
    c1: vec4<f32>,
    c2: vec4<f32>,
    c3: vec4<f32>,
    c4: vec4<f32>,
    c5: vec4<f32>,
    c6: vec4<f32>,
    c7: vec4<f32>,
    c8: vec4<f32>,
    c9: vec4<f32>,
    c10: vec4<f32>,
    c11: vec4<f32>,
    c12: vec4<f32>,
    c13: vec4<f32>,
    c14: vec4<f32>,
    c15: vec4<f32>,
}

fn value_slice(at: u32) -> Slice {
    var v: Slice;
    v.c0 = tile_value(at);
    v.c1 = tile_value(at + LANES);
    v.c2 = tile_value(at + 2u * LANES);
    v.c3 = tile_value(at + 3u * LANES);
    v.c4 = tile_value(at + 4u * LANES);
    v.c5 = tile_value(at + 5u * LANES);
    v.c6 = tile_value(at + 6u * LANES);
    v.c7 = tile_value(at + 7u * LANES);
    v.c8 = tile_value(at + 8u * LANES);
    v.c9 = tile_value(at + 9u * LANES);
    v.c10 = tile_value(at + 10u * LANES);
    v.c11 = tile_value(at + 11u * LANES);
    v.c12 = tile_value(at + 12u * LANES);
    v.c13 = tile_value(at + 13u * LANES);
    v.c14 = tile_value(at + 14u * LANES);
    v.c15 = tile_value(at + 15u * LANES);
    return v;
}

fn add_weighted(o: Slice, w: f32, v: Slice) -> Slice {
    var x: Slice;
    x.c0 = fma(vec4<f32>(w), v.c0, o.c0);
    x.c1 = fma(vec4<f32>(w), v.c1, o.c1);
    x.c2 = fma(vec4<f32>(w), v.c2, o.c2);
    x.c3 = fma(vec4<f32>(w), v.c3, o.c3);
    x.c4 = fma(vec4<f32>(w), v.c4, o.c4);
    x.c5 = fma(vec4<f32>(w), v.c5, o.c5);
    x.c6 = fma(vec4<f32>(w), v.c6, o.c6);
    x.c7 = fma(vec4<f32>(w), v.c7, o.c7);
    x.c8 = fma(vec4<f32>(w), v.c8, o.c8);
    x.c9 = fma(vec4<f32>(w), v.c9, o.c9);
    x.c10 = fma(vec4<f32>(w), v.c10, o.c10);
    x.c11 = fma(vec4<f32>(w), v.c11, o.c11);
    x.c12 = fma(vec4<f32>(w), v.c12, o.c12);
    x.c13 = fma(vec4<f32>(w), v.c13, o.c13);
    x.c14 = fma(vec4<f32>(w), v.c14, o.c14);
    x.c15 = fma(vec4<f32>(w), v.c15, o.c15);
    return x;
}

fn scaled(o: Slice, factor: f32) -> Slice {
    var x: Slice;
    x.c0 = o.c0 * factor;
    x.c1 = o.c1 * factor;
    x.c2 = o.c2 * factor;
    x.c3 = o.c3 * factor;
    x.c4 = o.c4 * factor;
    x.c5 = o.c5 * factor;
    x.c6 = o.c6 * factor;
    x.c7 = o.c7 * factor;
    x.c8 = o.c8 * factor;
    x.c9 = o.c9 * factor;
    x.c10 = o.c10 * factor;
    x.c11 = o.c11 * factor;
    x.c12 = o.c12 * factor;
    x.c13 = o.c13 * factor;
    x.c14 = o.c14 * factor;
    x.c15 = o.c15 * factor;
    return x;
}

fn store_slice(b: u32, n: u32, s: u32, end: u32, split: u32, lane: u32, o: Slice, sum: f32) {
    store_row_part(b, n, s, end, split, 0u, lane, o.c0, sum);
    store_row_part(b, n, s, end, split, 1u, lane, o.c1, sum);
    store_row_part(b, n, s, end, split, 2u, lane, o.c2, sum);
    store_row_part(b, n, s, end, split, 3u, lane, o.c3, sum);
    store_row_part(b, n, s, end, split, 4u, lane, o.c4, sum);
    store_row_part(b, n, s, end, split, 5u, lane, o.c5, sum);
    store_row_part(b, n, s, end, split, 6u, lane, o.c6, sum);
    store_row_part(b, n, s, end, split, 7u, lane, o.c7, sum);
    store_row_part(b, n, s, end, split, 8u, lane, o.c8, sum);
    store_row_part(b, n, s, end, split, 9u, lane, o.c9, sum);
    store_row_part(b, n, s, end, split, 10u, lane, o.c10, sum);
    store_row_part(b, n, s, end, split, 11u, lane, o.c11, sum);
    store_row_part(b, n, s, end, split, 12u, lane, o.c12, sum);
    store_row_part(b, n, s, end, split, 13u, lane, o.c13, sum);
    store_row_part(b, n, s, end, split, 14u, lane, o.c14, sum);
    store_row_part(b, n, s, end, split, 15u, lane, o.c15, sum);
}
