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

// Columns of the rows from `first` on, times `factor`; rows from `end` on are zero.
fn load_part(b: u32, n: u32, first: u32, end: u32, part: u32, lane: u32, factor: f32) -> RowVectors {
    var q = RowVectors();
    if first < end {
        q.r0 = query_part(b, n, first, part, lane) * factor;
    }
    return q;
}

// s plus the products of one part of Q with that part of the four keys at `at`. Column by column over all rows and keys,
// so that a sum is not needed again before it is ready.
fn part_scores(s: RowVectors, q: RowVectors, at: vec4<u32>) -> RowVectors {
    let k0 = tile_key(at.x);
    let k1 = tile_key(at.y);
    let k2 = tile_key(at.z);
    let k3 = tile_key(at.w);
    var x = s;
    let kx = vec4<f32>(k0.x, k1.x, k2.x, k3.x);
    x.r0 = fma(vec4<f32>(q.r0.x), kx, x.r0);
    let ky = vec4<f32>(k0.y, k1.y, k2.y, k3.y);
    x.r0 = fma(vec4<f32>(q.r0.y), ky, x.r0);
    let kz = vec4<f32>(k0.z, k1.z, k2.z, k3.z);
    x.r0 = fma(vec4<f32>(q.r0.z), kz, x.r0);
    let kw = vec4<f32>(k0.w, k1.w, k2.w, k3.w);
    x.r0 = fma(vec4<f32>(q.r0.w), kw, x.r0);
    return x;
}

// One part of O plus that part of the four values at `at`, weighted: key by key over all rows.
fn part_values(o: RowVectors, w: RowVectors, at: vec4<u32>) -> RowVectors {
    let v0 = tile_value(at.x);
    let v1 = tile_value(at.y);
    let v2 = tile_value(at.z);
    let v3 = tile_value(at.w);
    var x = o;
    x.r0 = fma(vec4<f32>(w.r0.x), v0, x.r0);
    x.r0 = fma(vec4<f32>(w.r0.y), v1, x.r0);
    x.r0 = fma(vec4<f32>(w.r0.z), v2, x.r0);
    x.r0 = fma(vec4<f32>(w.r0.w), v3, x.r0);
    return x;
}

fn scale_part(x: RowVectors, factor: RowNumbers) -> RowVectors {
    return RowVectors(x.r0 * factor.r0);
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

// Records the references and sums of the rows where results are partial.
fn store_stats(b: u32, n: u32, first: u32, end: u32, split: u32, lane: u32, reference: RowNumbers, sum: RowNumbers) {
    store_row_stats(b, n, first, end, split, lane, reference.r0, sum.r0);
}

fn store_part(b: u32, n: u32, first: u32, end: u32, split: u32, part: u32, lane: u32, o: RowVectors, sum: RowNumbers) {
    store_row_part(b, n, first, end, split, part, lane, o.r0, sum.r0);
}
