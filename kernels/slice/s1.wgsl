// A lane's part of each row: 1 vec4 of columns, every LANES-th. Named members for the reason that rows have them.
const SLICE4: u32 = 1u;

// Of Q, each part over all rows.
struct Queries {
    c0: RowVectors,
}

fn load_queries(b: u32, n: u32, first: u32, end: u32, lane: u32, factor: f32) -> Queries {
    var q: Queries;
    q.c0 = load_part(b, n, first, end, 0u, lane, factor);
    return q;
}

// This lane's share of the scores of the four keys at `at`.
fn block_scores(q: Queries, at: vec4<u32>) -> RowVectors {
    var s = RowVectors();
    s = part_scores(s, q.c0, at);
    return s;
}

// Of one row of V or O.
struct Slice {
    c0: vec4<f32>,
}

fn value_slice(at: u32) -> Slice {
    var v: Slice;
    v.c0 = tile_value(at);
    return v;
}

fn add_weighted(o: Slice, w: f32, v: Slice) -> Slice {
    var x: Slice;
    x.c0 = fma(vec4<f32>(w), v.c0, o.c0);
    return x;
}

fn scaled(o: Slice, factor: f32) -> Slice {
    var x: Slice;
    x.c0 = o.c0 * factor;
    return x;
}

fn store_slice(b: u32, n: u32, s: u32, end: u32, split: u32, lane: u32, o: Slice, sum: f32) {
    store_row_part(b, n, s, end, split, 0u, lane, o.c0, sum);
}
