// A lane's part of each row: 16 vec4 of columns, every LANES-th. Named members for the reason that rows have them.
const SLICE4: u32 = 16u;

struct Rows {
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

fn load_rows(b: u32, n: u32, first: u32, end: u32, lane: u32, factor: f32) -> Rows {
    var q: Rows;
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
fn block_scores(q: Rows, at: vec4<u32>) -> RowVectors {
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

// o plus the value at `at`, weighted.
fn add_value(o: Rows, w: RowNumbers, at: u32) -> Rows {
    var x: Rows;
    x.c0 = add_weighted(o.c0, w, tile_value(at));
    x.c1 = add_weighted(o.c1, w, tile_value(at + LANES));
    x.c2 = add_weighted(o.c2, w, tile_value(at + 2u * LANES));
    x.c3 = add_weighted(o.c3, w, tile_value(at + 3u * LANES));
    x.c4 = add_weighted(o.c4, w, tile_value(at + 4u * LANES));
    x.c5 = add_weighted(o.c5, w, tile_value(at + 5u * LANES));
    x.c6 = add_weighted(o.c6, w, tile_value(at + 6u * LANES));
    x.c7 = add_weighted(o.c7, w, tile_value(at + 7u * LANES));
    x.c8 = add_weighted(o.c8, w, tile_value(at + 8u * LANES));
    x.c9 = add_weighted(o.c9, w, tile_value(at + 9u * LANES));
    x.c10 = add_weighted(o.c10, w, tile_value(at + 10u * LANES));
    x.c11 = add_weighted(o.c11, w, tile_value(at + 11u * LANES));
    x.c12 = add_weighted(o.c12, w, tile_value(at + 12u * LANES));
    x.c13 = add_weighted(o.c13, w, tile_value(at + 13u * LANES));
    x.c14 = add_weighted(o.c14, w, tile_value(at + 14u * LANES));
    x.c15 = add_weighted(o.c15, w, tile_value(at + 15u * LANES));
    return x;
}

// o plus the four values at `at`, weighted, key by key.
fn add_values(o: Rows, w: RowVectors, at: vec4<u32>) -> Rows {
    let weights = by_key(w);
    var x = o;
    x = add_value(x, weights.k0, at.x);
    x = add_value(x, weights.k1, at.y);
    x = add_value(x, weights.k2, at.z);
    x = add_value(x, weights.k3, at.w);
    return x;
}

fn scale_rows(o: Rows, factor: RowNumbers) -> Rows {
    var x: Rows;
    x.c0 = scale_part(o.c0, factor);
    x.c1 = scale_part(o.c1, factor);
    x.c2 = scale_part(o.c2, factor);
    x.c3 = scale_part(o.c3, factor);
    x.c4 = scale_part(o.c4, factor);
    x.c5 = scale_part(o.c5, factor);
    x.c6 = scale_part(o.c6, factor);
    x.c7 = scale_part(o.c7, factor);
    x.c8 = scale_part(o.c8, factor);
    x.c9 = scale_part(o.c9, factor);
    x.c10 = scale_part(o.c10, factor);
    x.c11 = scale_part(o.c11, factor);
    x.c12 = scale_part(o.c12, factor);
    x.c13 = scale_part(o.c13, factor);
    x.c14 = scale_part(o.c14, factor);
    x.c15 = scale_part(o.c15, factor);
    return x;
}

// Divides and stores rows `first` on, as far as they exist.
fn store_rows(b: u32, n: u32, first: u32, end: u32, split: u32, lane: u32, o: Rows, reference: RowNumbers, sum: RowNumbers) {
    store_stats(b, n, first, end, split, lane, reference, sum);
    store_part(b, n, first, end, split, 0u, lane, o.c0, sum);
    store_part(b, n, first, end, split, 1u, lane, o.c1, sum);
    store_part(b, n, first, end, split, 2u, lane, o.c2, sum);
    store_part(b, n, first, end, split, 3u, lane, o.c3, sum);
    store_part(b, n, first, end, split, 4u, lane, o.c4, sum);
    store_part(b, n, first, end, split, 5u, lane, o.c5, sum);
    store_part(b, n, first, end, split, 6u, lane, o.c6, sum);
    store_part(b, n, first, end, split, 7u, lane, o.c7, sum);
    store_part(b, n, first, end, split, 8u, lane, o.c8, sum);
    store_part(b, n, first, end, split, 9u, lane, o.c9, sum);
    store_part(b, n, first, end, split, 10u, lane, o.c10, sum);
    store_part(b, n, first, end, split, 11u, lane, o.c11, sum);
    store_part(b, n, first, end, split, 12u, lane, o.c12, sum);
    store_part(b, n, first, end, split, 13u, lane, o.c13, sum);
    store_part(b, n, first, end, split, 14u, lane, o.c14, sum);
    store_part(b, n, first, end, split, 15u, lane, o.c15, sum);
}
