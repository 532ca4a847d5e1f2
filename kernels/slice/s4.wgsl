// A lane's part of each row: 4 vec4 of columns, every LANES-th. Named members for the reason that rows have them.
const SLICE4: u32 = 4u;

// Of Q, each part over all rows.
struct Queries {
    c0: RowVectors,
    c1: RowVectors,
    c2: RowVectors,
    c3: RowVectors,
}

fn load_queries(b: u32, n: u32, first: u32, end: u32, lane: u32, factor: f32) -> Queries {
    var q: Queries;
    q.c0 = load_part(b, n, first, end, 0u, lane, factor);
    q.c1 = load_part(b, n, first, end, 1u, lane, factor);
    q.c2 = load_part(b, n, first, end, 2u, lane, factor);
    q.c3 = load_part(b, n, first, end, 3u, lane, factor);
    return q;
}

// This lane's share of the scores of the four keys at `at`.
fn block_scores(q: Queries, at: vec4<u32>) -> RowVectors {
    var s = RowVectors();
    s = part_scores(s, q.c0, at);
    s = part_scores(s, q.c1, at + LANES);
    s = part_scores(s, q.c2, at + 2u * LANES);
    s = part_scores(s, q.c3, at + 3u * LANES);
    return s;
}

// Of one row of V or O.
struct Slice {
    c0: vec4<f32>,
    c1: vec4<f32>,
    c2: vec4<f32>,
    c3: vec4<f32>,
}

fn value_slice(at: u32) -> Slice {
    var v: Slice;
    v.c0 = tile_value(at);
    v.c1 = tile_value(at + LANES);
    v.c2 = tile_value(at + 2u * LANES);
    v.c3 = tile_value(at + 3u * LANES);
    return v;
}

fn add_weighted(o: Slice, w: f32, v: Slice) -> Slice {
    var x: Slice;
    x.c0 = fma(vec4<f32>(w), v.c0, o.c0);
    x.c1 = fma(vec4<f32>(w), v.c1, o.c1);
    x.c2 = fma(vec4<f32>(w), v.c2, o.c2);
    x.c3 = fma(vec4<f32>(w), v.c3, o.c3);
    return x;
}

fn scaled(o: Slice, factor: f32) -> Slice {
    var x: Slice;
    x.c0 = o.c0 * factor;
    x.c1 = o.c1 * factor;
    x.c2 = o.c2 * factor;
    x.c3 = o.c3 * factor;
    return x;
}

fn store_slice(b: u32, n: u32, s: u32, end: u32, split: u32, lane: u32, o: Slice, sum: f32) {
    store_row_part(b, n, s, end, split, 0u, lane, o.c0, sum);
    store_row_part(b, n, s, end, split, 1u, lane, o.c1, sum);
    store_row_part(b, n, s, end, split, 2u, lane, o.c2, sum);
    store_row_part(b, n, s, end, split, 3u, lane, o.c3, sum);
}
