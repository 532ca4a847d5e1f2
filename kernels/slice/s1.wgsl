// A lane's part of each row: 1 vec4 of columns, every LANES-th. Named members for the reason that rows have them.
const SLICE4: u32 = 1u;

struct Rows {
    c0: RowVectors,
}

fn load_rows(b: u32, n: u32, first: u32, end: u32, lane: u32, factor: f32) -> Rows {
    var q: Rows;
    q.c0 = load_part(b, n, first, end, 0u, lane, factor);
    return q;
}

// This lane's share of the scores of the four keys at `at`.
fn block_scores(q: Rows, at: vec4<u32>) -> RowVectors {
    var s = RowVectors();
    s = part_scores(s, q.c0, at);
    return s;
}

// o plus the value at `at`, weighted.
fn add_value(o: Rows, w: RowNumbers, at: u32) -> Rows {
    var x: Rows;
    x.c0 = add_weighted(o.c0, w, tile_value(at));
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
    return x;
}

// Divides and stores rows `first` on, as far as they exist.
fn store_rows(b: u32, n: u32, first: u32, end: u32, split: u32, lane: u32, o: Rows, reference: RowNumbers, sum: RowNumbers) {
    store_stats(b, n, first, end, split, lane, reference, sum);
    store_part(b, n, first, end, split, 0u, lane, o.c0, sum);
}
