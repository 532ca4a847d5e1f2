// The query rows of a group of lanes: 1. Named members, because an array that is indexed in a loop lands in memory
// wherever a compiler chooses not to unroll.
const ROWS: u32 = 1u;

// A vec4 for each row: of columns, or of the four keys of a block.
struct RowVectors {
    r0: vec4<f32>,
}

// The scores or weights that a lane owns, of each row.
struct OwnedRows {
    r0: Owned,
}

// A number for each row.
struct RowNumbers {
    r0: f32,
}

fn same_numbers(x: f32) -> RowNumbers {
    return RowNumbers(x);
}

// Columns of the rows from `first` on, times `factor`; for rows from `end` on, those of the last.
fn load_part(b: u32, n: u32, first: u32, end: u32, part: u32, lane: u32, factor: f32) -> RowVectors {
    return RowVectors(
        query_part(b, n, min(first, end - 1u), part, lane) * factor,
    );
}

// Scores of one key plus its products with one part of Q: each column over all rows, so that a sum is not needed again before
// it is ready.
fn key_scores(s: RowNumbers, q: RowVectors, k: vec4<f32>) -> RowNumbers {
    var x = s;
    x.r0 = fma(q.r0.x, k.x, x.r0);
    x.r0 = fma(q.r0.y, k.y, x.r0);
    x.r0 = fma(q.r0.z, k.z, x.r0);
    x.r0 = fma(q.r0.w, k.w, x.r0);
    return x;
}

// s plus the products of one part of Q with that part of the four keys at `at`, key by key.
fn part_scores(s: RowVectors, q: RowVectors, at: vec4<u32>) -> RowVectors {
    let k0 = tile_key(at.x);
    let k1 = tile_key(at.y);
    let k2 = tile_key(at.z);
    let k3 = tile_key(at.w);
    let before = by_key(s);
    let s0 = key_scores(before.k0, q, k0);
    let s1 = key_scores(before.k1, q, k1);
    let s2 = key_scores(before.k2, q, k2);
    let s3 = key_scores(before.k3, q, k3);
    return RowVectors(
        vec4<f32>(s0.r0, s1.r0, s2.r0, s3.r0),
    );
}

// A block of four keys the other way around: for each key a number of each row.
struct KeyNumbers {
    k0: RowNumbers,
    k1: RowNumbers,
    k2: RowNumbers,
    k3: RowNumbers,
}

fn by_key(x: RowVectors) -> KeyNumbers {
    return KeyNumbers(
        RowNumbers(x.r0.x),
        RowNumbers(x.r0.y),
        RowNumbers(x.r0.z),
        RowNumbers(x.r0.w),
    );
}

// This lane's columns of each row of O.
struct Outputs {
    r0: Slice,
}

// o plus a value, weighted.
fn add_value(o: Outputs, w: RowNumbers, v: Slice) -> Outputs {
    return Outputs(
        add_weighted(o.r0, w.r0, v),
    );
}

// o plus the four values at `at`, weighted, key by key.
fn add_values(o: Outputs, w: RowVectors, at: vec4<u32>) -> Outputs {
    let weights = by_key(w);
    var x = o;
    x = add_value(x, weights.k0, value_slice(at.x));
    x = add_value(x, weights.k1, value_slice(at.y));
    x = add_value(x, weights.k2, value_slice(at.z));
    x = add_value(x, weights.k3, value_slice(at.w));
    return x;
}

fn scale_outputs(o: Outputs, factor: RowNumbers) -> Outputs {
    return Outputs(
        scaled(o.r0, factor.r0),
    );
}

fn scatter_rows(s: RowVectors) -> OwnedRows {
    return OwnedRows(scatter_rotated(s.r0));
}

fn gather_rows(p: OwnedRows) -> RowVectors {
    return RowVectors(gather_rotated(p.r0));
}

// The operator's scores of keys t to t + 3. Rows from `end` and keys past `last` take the terms of the last that exist.
fn mask_rows(p: OwnedRows, b: u32, n: u32, first: u32, end: u32, t: u32, last: u32, lane: u32) -> OwnedRows {
    return OwnedRows(owned_masked(p.r0, b, n, min(first, end - 1u), t, lane, last));
}

// p for keys below `end`, else `outside`.
fn rows_below(p: OwnedRows, end: u32, t: u32, lane: u32, outside: f32) -> OwnedRows {
    return OwnedRows(owned_below(end, t, lane, p.r0, outside));
}

// Whether a score passes its row's reference by more than the slack.
fn rows_grew(p: OwnedRows, reference: RowNumbers) -> bool {
    return owned_max(p.r0) > reference.r0 + SLACK;
}

// The larger score of each that a lane owns.
fn larger_rows(a: OwnedRows, b: OwnedRows) -> OwnedRows {
    return OwnedRows(max(a.r0, b.r0));
}

// Whether a number grew by more than `most`.
fn numbers_passed(before: RowNumbers, after: RowNumbers, most: f32) -> bool {
    return after.r0 - before.r0 > most;
}

fn same_owned(x: f32) -> OwnedRows {
    return OwnedRows(Owned(x));
}

fn rows_max(p: OwnedRows, reference: RowNumbers) -> RowNumbers {
    return RowNumbers(max(reference.r0, group_max(owned_max(p.r0))));
}

fn weigh_rows(p: OwnedRows, reference: RowNumbers) -> OwnedRows {
    return OwnedRows(owned_weight(p.r0, reference.r0));
}

// What results relative to `before` are multiplied by to be relative to `after`.
fn shrink_factors(before: RowNumbers, after: RowNumbers) -> RowNumbers {
    return RowNumbers(weight(before.r0 - after.r0));
}

fn scale_numbers(x: RowNumbers, factor: RowNumbers) -> RowNumbers {
    return RowNumbers(x.r0 * factor.r0);
}

fn add_weights(sum: RowNumbers, p: OwnedRows) -> RowNumbers {
    return RowNumbers(sum.r0 + owned_sum(p.r0));
}

fn group_sums(sum: RowNumbers) -> RowNumbers {
    return RowNumbers(group_sum(sum.r0));
}

// Divides and stores rows `first` on, as far as they exist; where results are partial, with their references and sums.
fn store_rows(b: u32, n: u32, first: u32, end: u32, split: u32, lane: u32, o: Outputs, reference: RowNumbers, sum: RowNumbers) {
    store_row_stats(b, n, first, end, split, lane, reference.r0, sum.r0);
    store_slice(b, n, first, end, split, lane, o.r0, sum.r0);
}
