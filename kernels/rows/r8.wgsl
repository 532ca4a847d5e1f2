// The query rows of a group of lanes: 8. Named members, because an array that is indexed in a loop lands in memory
// wherever a compiler chooses not to unroll.
const ROWS: u32 = 8u;

// A vec4 for each row: of columns, or of the four keys of a block.
struct RowVectors {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
    r3: vec4<f32>,
    r4: vec4<f32>,
    r5: vec4<f32>,
    r6: vec4<f32>,
    r7: vec4<f32>,
}

// The scores or weights that a lane owns, of each row.
struct OwnedRows {
    r0: Owned,
    r1: Owned,
    r2: Owned,
    r3: Owned,
    r4: Owned,
    r5: Owned,
    r6: Owned,
    r7: Owned,
}

// A number for each row.
struct RowNumbers {
    r0: f32,
    r1: f32,
    r2: f32,
    r3: f32,
    r4: f32,
    r5: f32,
    r6: f32,
    r7: f32,
}

fn same_numbers(x: f32) -> RowNumbers {
    return RowNumbers(x, x, x, x, x, x, x, x);
}

// Columns of the rows from `first` on, times `factor`; for rows from `end` on, those of the last.
fn load_part(b: u32, n: u32, first: u32, end: u32, part: u32, lane: u32, factor: f32) -> RowVectors {
    return RowVectors(
        query_part(b, n, min(first, end - 1u), part, lane) * factor,
        query_part(b, n, min(first + 1u, end - 1u), part, lane) * factor,
        query_part(b, n, min(first + 2u, end - 1u), part, lane) * factor,
        query_part(b, n, min(first + 3u, end - 1u), part, lane) * factor,
        query_part(b, n, min(first + 4u, end - 1u), part, lane) * factor,
        query_part(b, n, min(first + 5u, end - 1u), part, lane) * factor,
        query_part(b, n, min(first + 6u, end - 1u), part, lane) * factor,
        query_part(b, n, min(first + 7u, end - 1u), part, lane) * factor,
    );
}

// Scores of one key plus its products with one part of Q: each column over all rows, so that a sum is not needed again before
// it is ready.
fn key_scores(s: RowNumbers, q: RowVectors, k: vec4<f32>) -> RowNumbers {
    var x = s;
    x.r0 = fma(q.r0.x, k.x, x.r0);
    x.r1 = fma(q.r1.x, k.x, x.r1);
    x.r2 = fma(q.r2.x, k.x, x.r2);
    x.r3 = fma(q.r3.x, k.x, x.r3);
    x.r4 = fma(q.r4.x, k.x, x.r4);
    x.r5 = fma(q.r5.x, k.x, x.r5);
    x.r6 = fma(q.r6.x, k.x, x.r6);
    x.r7 = fma(q.r7.x, k.x, x.r7);
    x.r0 = fma(q.r0.y, k.y, x.r0);
    x.r1 = fma(q.r1.y, k.y, x.r1);
    x.r2 = fma(q.r2.y, k.y, x.r2);
    x.r3 = fma(q.r3.y, k.y, x.r3);
    x.r4 = fma(q.r4.y, k.y, x.r4);
    x.r5 = fma(q.r5.y, k.y, x.r5);
    x.r6 = fma(q.r6.y, k.y, x.r6);
    x.r7 = fma(q.r7.y, k.y, x.r7);
    x.r0 = fma(q.r0.z, k.z, x.r0);
    x.r1 = fma(q.r1.z, k.z, x.r1);
    x.r2 = fma(q.r2.z, k.z, x.r2);
    x.r3 = fma(q.r3.z, k.z, x.r3);
    x.r4 = fma(q.r4.z, k.z, x.r4);
    x.r5 = fma(q.r5.z, k.z, x.r5);
    x.r6 = fma(q.r6.z, k.z, x.r6);
    x.r7 = fma(q.r7.z, k.z, x.r7);
    x.r0 = fma(q.r0.w, k.w, x.r0);
    x.r1 = fma(q.r1.w, k.w, x.r1);
    x.r2 = fma(q.r2.w, k.w, x.r2);
    x.r3 = fma(q.r3.w, k.w, x.r3);
    x.r4 = fma(q.r4.w, k.w, x.r4);
    x.r5 = fma(q.r5.w, k.w, x.r5);
    x.r6 = fma(q.r6.w, k.w, x.r6);
    x.r7 = fma(q.r7.w, k.w, x.r7);
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
        vec4<f32>(s0.r1, s1.r1, s2.r1, s3.r1),
        vec4<f32>(s0.r2, s1.r2, s2.r2, s3.r2),
        vec4<f32>(s0.r3, s1.r3, s2.r3, s3.r3),
        vec4<f32>(s0.r4, s1.r4, s2.r4, s3.r4),
        vec4<f32>(s0.r5, s1.r5, s2.r5, s3.r5),
        vec4<f32>(s0.r6, s1.r6, s2.r6, s3.r6),
        vec4<f32>(s0.r7, s1.r7, s2.r7, s3.r7),
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
        RowNumbers(x.r0.x, x.r1.x, x.r2.x, x.r3.x, x.r4.x, x.r5.x, x.r6.x, x.r7.x),
        RowNumbers(x.r0.y, x.r1.y, x.r2.y, x.r3.y, x.r4.y, x.r5.y, x.r6.y, x.r7.y),
        RowNumbers(x.r0.z, x.r1.z, x.r2.z, x.r3.z, x.r4.z, x.r5.z, x.r6.z, x.r7.z),
        RowNumbers(x.r0.w, x.r1.w, x.r2.w, x.r3.w, x.r4.w, x.r5.w, x.r6.w, x.r7.w),
    );
}

// This lane's columns of each row of O.
struct Outputs {
    r0: Slice,
    r1: Slice,
    r2: Slice,
    r3: Slice,
    r4: Slice,
    r5: Slice,
    r6: Slice,
    r7: Slice,
}

// o plus a value, weighted.
fn add_value(o: Outputs, w: RowNumbers, v: Slice) -> Outputs {
    return Outputs(
        add_weighted(o.r0, w.r0, v),
        add_weighted(o.r1, w.r1, v),
        add_weighted(o.r2, w.r2, v),
        add_weighted(o.r3, w.r3, v),
        add_weighted(o.r4, w.r4, v),
        add_weighted(o.r5, w.r5, v),
        add_weighted(o.r6, w.r6, v),
        add_weighted(o.r7, w.r7, v),
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
        scaled(o.r1, factor.r1),
        scaled(o.r2, factor.r2),
        scaled(o.r3, factor.r3),
        scaled(o.r4, factor.r4),
        scaled(o.r5, factor.r5),
        scaled(o.r6, factor.r6),
        scaled(o.r7, factor.r7),
    );
}

fn scatter_rows(s: RowVectors) -> OwnedRows {
    return OwnedRows(
        scatter_rotated(s.r0),
        scatter_rotated(s.r1),
        scatter_rotated(s.r2),
        scatter_rotated(s.r3),
        scatter_rotated(s.r4),
        scatter_rotated(s.r5),
        scatter_rotated(s.r6),
        scatter_rotated(s.r7),
    );
}

fn gather_rows(p: OwnedRows) -> RowVectors {
    return RowVectors(
        gather_rotated(p.r0),
        gather_rotated(p.r1),
        gather_rotated(p.r2),
        gather_rotated(p.r3),
        gather_rotated(p.r4),
        gather_rotated(p.r5),
        gather_rotated(p.r6),
        gather_rotated(p.r7),
    );
}

// The operator's scores of keys t to t + 3. Rows from `end` and keys past `last` take the terms of the last that exist.
fn mask_rows(p: OwnedRows, b: u32, n: u32, first: u32, end: u32, t: u32, last: u32, lane: u32) -> OwnedRows {
    return OwnedRows(
        owned_masked(p.r0, b, n, min(first, end - 1u), t, lane, last),
        owned_masked(p.r1, b, n, min(first + 1u, end - 1u), t, lane, last),
        owned_masked(p.r2, b, n, min(first + 2u, end - 1u), t, lane, last),
        owned_masked(p.r3, b, n, min(first + 3u, end - 1u), t, lane, last),
        owned_masked(p.r4, b, n, min(first + 4u, end - 1u), t, lane, last),
        owned_masked(p.r5, b, n, min(first + 5u, end - 1u), t, lane, last),
        owned_masked(p.r6, b, n, min(first + 6u, end - 1u), t, lane, last),
        owned_masked(p.r7, b, n, min(first + 7u, end - 1u), t, lane, last),
    );
}

// p for keys below `end`, else `outside`.
fn rows_below(p: OwnedRows, end: u32, t: u32, lane: u32, outside: f32) -> OwnedRows {
    return OwnedRows(
        owned_below(end, t, lane, p.r0, outside),
        owned_below(end, t, lane, p.r1, outside),
        owned_below(end, t, lane, p.r2, outside),
        owned_below(end, t, lane, p.r3, outside),
        owned_below(end, t, lane, p.r4, outside),
        owned_below(end, t, lane, p.r5, outside),
        owned_below(end, t, lane, p.r6, outside),
        owned_below(end, t, lane, p.r7, outside),
    );
}

// Whether a score passes its row's reference by more than the slack.
fn rows_grew(p: OwnedRows, reference: RowNumbers) -> bool {
    return owned_max(p.r0) > reference.r0 + SLACK
        || owned_max(p.r1) > reference.r1 + SLACK
        || owned_max(p.r2) > reference.r2 + SLACK
        || owned_max(p.r3) > reference.r3 + SLACK
        || owned_max(p.r4) > reference.r4 + SLACK
        || owned_max(p.r5) > reference.r5 + SLACK
        || owned_max(p.r6) > reference.r6 + SLACK
        || owned_max(p.r7) > reference.r7 + SLACK;
}

// The larger score of each that a lane owns.
fn larger_rows(a: OwnedRows, b: OwnedRows) -> OwnedRows {
    return OwnedRows(
        max(a.r0, b.r0),
        max(a.r1, b.r1),
        max(a.r2, b.r2),
        max(a.r3, b.r3),
        max(a.r4, b.r4),
        max(a.r5, b.r5),
        max(a.r6, b.r6),
        max(a.r7, b.r7),
    );
}

// Whether a number grew by more than `most`.
fn numbers_passed(before: RowNumbers, after: RowNumbers, most: f32) -> bool {
    return after.r0 - before.r0 > most
        || after.r1 - before.r1 > most
        || after.r2 - before.r2 > most
        || after.r3 - before.r3 > most
        || after.r4 - before.r4 > most
        || after.r5 - before.r5 > most
        || after.r6 - before.r6 > most
        || after.r7 - before.r7 > most;
}

fn same_owned(x: f32) -> OwnedRows {
    return OwnedRows(Owned(x), Owned(x), Owned(x), Owned(x), Owned(x), Owned(x), Owned(x), Owned(x));
}

fn rows_max(p: OwnedRows, reference: RowNumbers) -> RowNumbers {
    return RowNumbers(
        max(reference.r0, group_max(owned_max(p.r0))),
        max(reference.r1, group_max(owned_max(p.r1))),
        max(reference.r2, group_max(owned_max(p.r2))),
        max(reference.r3, group_max(owned_max(p.r3))),
        max(reference.r4, group_max(owned_max(p.r4))),
        max(reference.r5, group_max(owned_max(p.r5))),
        max(reference.r6, group_max(owned_max(p.r6))),
        max(reference.r7, group_max(owned_max(p.r7))),
    );
}

fn weigh_rows(p: OwnedRows, reference: RowNumbers) -> OwnedRows {
    return OwnedRows(
        owned_weight(p.r0, reference.r0),
        owned_weight(p.r1, reference.r1),
        owned_weight(p.r2, reference.r2),
        owned_weight(p.r3, reference.r3),
        owned_weight(p.r4, reference.r4),
        owned_weight(p.r5, reference.r5),
        owned_weight(p.r6, reference.r6),
        owned_weight(p.r7, reference.r7),
    );
}

// What results relative to `before` are multiplied by to be relative to `after`.
fn shrink_factors(before: RowNumbers, after: RowNumbers) -> RowNumbers {
    return RowNumbers(
        weight(before.r0 - after.r0),
        weight(before.r1 - after.r1),
        weight(before.r2 - after.r2),
        weight(before.r3 - after.r3),
        weight(before.r4 - after.r4),
        weight(before.r5 - after.r5),
        weight(before.r6 - after.r6),
        weight(before.r7 - after.r7),
    );
}

fn scale_numbers(x: RowNumbers, factor: RowNumbers) -> RowNumbers {
    return RowNumbers(
        x.r0 * factor.r0,
        x.r1 * factor.r1,
        x.r2 * factor.r2,
        x.r3 * factor.r3,
        x.r4 * factor.r4,
        x.r5 * factor.r5,
        x.r6 * factor.r6,
        x.r7 * factor.r7,
    );
}

fn add_weights(sum: RowNumbers, p: OwnedRows) -> RowNumbers {
    return RowNumbers(
        sum.r0 + owned_sum(p.r0),
        sum.r1 + owned_sum(p.r1),
        sum.r2 + owned_sum(p.r2),
        sum.r3 + owned_sum(p.r3),
        sum.r4 + owned_sum(p.r4),
        sum.r5 + owned_sum(p.r5),
        sum.r6 + owned_sum(p.r6),
        sum.r7 + owned_sum(p.r7),
    );
}

fn group_sums(sum: RowNumbers) -> RowNumbers {
    return RowNumbers(
        group_sum(sum.r0),
        group_sum(sum.r1),
        group_sum(sum.r2),
        group_sum(sum.r3),
        group_sum(sum.r4),
        group_sum(sum.r5),
        group_sum(sum.r6),
        group_sum(sum.r7),
    );
}

// Divides and stores rows `first` on, as far as they exist; where results are partial, with their references and sums.
fn store_rows(b: u32, n: u32, first: u32, end: u32, split: u32, lane: u32, o: Outputs, reference: RowNumbers, sum: RowNumbers) {
    store_row_stats(b, n, first, end, split, lane, reference.r0, sum.r0);
    store_row_stats(b, n, first + 1u, end, split, lane, reference.r1, sum.r1);
    store_row_stats(b, n, first + 2u, end, split, lane, reference.r2, sum.r2);
    store_row_stats(b, n, first + 3u, end, split, lane, reference.r3, sum.r3);
    store_row_stats(b, n, first + 4u, end, split, lane, reference.r4, sum.r4);
    store_row_stats(b, n, first + 5u, end, split, lane, reference.r5, sum.r5);
    store_row_stats(b, n, first + 6u, end, split, lane, reference.r6, sum.r6);
    store_row_stats(b, n, first + 7u, end, split, lane, reference.r7, sum.r7);
    store_slice(b, n, first, end, split, lane, o.r0, sum.r0);
    store_slice(b, n, first + 1u, end, split, lane, o.r1, sum.r1);
    store_slice(b, n, first + 2u, end, split, lane, o.r2, sum.r2);
    store_slice(b, n, first + 3u, end, split, lane, o.r3, sum.r3);
    store_slice(b, n, first + 4u, end, split, lane, o.r4, sum.r4);
    store_slice(b, n, first + 5u, end, split, lane, o.r5, sum.r5);
    store_slice(b, n, first + 6u, end, split, lane, o.r6, sum.r6);
    store_slice(b, n, first + 7u, end, split, lane, o.r7, sum.r7);
}
