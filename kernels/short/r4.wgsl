// The query rows of a group of lanes: 4. Named members for the reason that slices have them.
const ROWS: u32 = 4u;

// This lane's columns of each row: of Q, or of O.
struct RowSlices {
    r0: Slice,
    r1: Slice,
    r2: Slice,
    r3: Slice,
}

// Of each row, the scores of a block's four keys.
struct RowScores {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
    r3: vec4<f32>,
}

// A number for each row; where it is a score or a weight, that of the key whose score the lane owns.
struct RowNumbers {
    r0: f32,
    r1: f32,
    r2: f32,
    r3: f32,
}

fn same_numbers(x: f32) -> RowNumbers {
    return RowNumbers(x, x, x, x);
}

// Rows from `first` on, times `factor`; rows from `end` on are those of the last.
fn load_queries(first: u32, end: u32, factor: f32) -> RowSlices {
    var x: RowSlices;
    x.r0 = scaled_slice(query_slice(min(first, end - 1u)), factor);
    x.r1 = scaled_slice(query_slice(min(first + 1u, end - 1u)), factor);
    x.r2 = scaled_slice(query_slice(min(first + 2u, end - 1u)), factor);
    x.r3 = scaled_slice(query_slice(min(first + 3u, end - 1u)), factor);
    return x;
}

// This lane's share of the scores of a block of keys.
fn block_scores(q: RowSlices, k: Block) -> RowScores {
    let k0 = unpacked_key(k.k0, k.t.x);
    let k1 = unpacked_key(k.k1, k.t.y);
    let k2 = unpacked_key(k.k2, k.t.z);
    let k3 = unpacked_key(k.k3, k.t.w);
    var x: RowScores;
    x.r0 = vec4<f32>(slice_dot(q.r0, k0), slice_dot(q.r0, k1), slice_dot(q.r0, k2), slice_dot(q.r0, k3));
    x.r1 = vec4<f32>(slice_dot(q.r1, k0), slice_dot(q.r1, k1), slice_dot(q.r1, k2), slice_dot(q.r1, k3));
    x.r2 = vec4<f32>(slice_dot(q.r2, k0), slice_dot(q.r2, k1), slice_dot(q.r2, k2), slice_dot(q.r2, k3));
    x.r3 = vec4<f32>(slice_dot(q.r3, k0), slice_dot(q.r3, k1), slice_dot(q.r3, k2), slice_dot(q.r3, k3));
    return x;
}

// o plus a block of values, weighted.
fn add_values(o: RowSlices, w: RowScores, v: Block) -> RowSlices {
    let v0 = unpacked_value(v.k0, v.t.x);
    let v1 = unpacked_value(v.k1, v.t.y);
    let v2 = unpacked_value(v.k2, v.t.z);
    let v3 = unpacked_value(v.k3, v.t.w);
    var x: RowSlices;
    x.r0 = add_weighted_slice(add_weighted_slice(add_weighted_slice(add_weighted_slice(o.r0, w.r0.x, v0), w.r0.y, v1), w.r0.z, v2), w.r0.w, v3);
    x.r1 = add_weighted_slice(add_weighted_slice(add_weighted_slice(add_weighted_slice(o.r1, w.r1.x, v0), w.r1.y, v1), w.r1.z, v2), w.r1.w, v3);
    x.r2 = add_weighted_slice(add_weighted_slice(add_weighted_slice(add_weighted_slice(o.r2, w.r2.x, v0), w.r2.y, v1), w.r2.z, v2), w.r2.w, v3);
    x.r3 = add_weighted_slice(add_weighted_slice(add_weighted_slice(add_weighted_slice(o.r3, w.r3.x, v0), w.r3.y, v1), w.r3.z, v2), w.r3.w, v3);
    return x;
}

fn scale_rows(o: RowSlices, factor: RowNumbers) -> RowSlices {
    var x: RowSlices;
    x.r0 = scaled_slice(o.r0, factor.r0);
    x.r1 = scaled_slice(o.r1, factor.r1);
    x.r2 = scaled_slice(o.r2, factor.r2);
    x.r3 = scaled_slice(o.r3, factor.r3);
    return x;
}

// Sums the lanes' shares; each lane keeps the score of the key that it owns.
fn own_scores(s: RowScores, lane: u32) -> RowNumbers {
    var x: RowNumbers;
    x.r0 = own_score(s.r0, lane);
    x.r1 = own_score(s.r1, lane);
    x.r2 = own_score(s.r2, lane);
    x.r3 = own_score(s.r3, lane);
    return x;
}

fn all_weights(p: RowNumbers) -> RowScores {
    var x: RowScores;
    x.r0 = all_four(p.r0);
    x.r1 = all_four(p.r1);
    x.r2 = all_four(p.r2);
    x.r3 = all_four(p.r3);
    return x;
}

// The operator's scores of key t for rows from `first` on; rows from `end` on take the terms of the last.
fn mask_rows(p: RowNumbers, b: u32, n: u32, first: u32, end: u32, t: u32) -> RowNumbers {
    var x: RowNumbers;
    x.r0 = masked_score(p.r0, b, n, min(first, end - 1u), t);
    x.r1 = masked_score(p.r1, b, n, min(first + 1u, end - 1u), t);
    x.r2 = masked_score(p.r2, b, n, min(first + 2u, end - 1u), t);
    x.r3 = masked_score(p.r3, b, n, min(first + 3u, end - 1u), t);
    return x;
}

fn select_rows(outside: f32, p: RowNumbers, inside: bool) -> RowNumbers {
    var x: RowNumbers;
    x.r0 = select(outside, p.r0, inside);
    x.r1 = select(outside, p.r1, inside);
    x.r2 = select(outside, p.r2, inside);
    x.r3 = select(outside, p.r3, inside);
    return x;
}

// Whether a score passes its row's reference by more than the slack.
fn rows_grew(p: RowNumbers, reference: RowNumbers) -> bool {
    return p.r0 > reference.r0 + SLACK || p.r1 > reference.r1 + SLACK || p.r2 > reference.r2 + SLACK || p.r3 > reference.r3 + SLACK;
}

fn rows_max(p: RowNumbers, reference: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    x.r0 = max(reference.r0, quad_max(p.r0));
    x.r1 = max(reference.r1, quad_max(p.r1));
    x.r2 = max(reference.r2, quad_max(p.r2));
    x.r3 = max(reference.r3, quad_max(p.r3));
    return x;
}

fn weigh_rows(p: RowNumbers, reference: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    x.r0 = weight(p.r0 - reference.r0);
    x.r1 = weight(p.r1 - reference.r1);
    x.r2 = weight(p.r2 - reference.r2);
    x.r3 = weight(p.r3 - reference.r3);
    return x;
}

// What results relative to `before` are multiplied by to be relative to `after`.
fn shrink_factors(before: RowNumbers, after: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    x.r0 = weight(before.r0 - after.r0);
    x.r1 = weight(before.r1 - after.r1);
    x.r2 = weight(before.r2 - after.r2);
    x.r3 = weight(before.r3 - after.r3);
    return x;
}

fn scale_numbers(numbers: RowNumbers, factor: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    x.r0 = numbers.r0 * factor.r0;
    x.r1 = numbers.r1 * factor.r1;
    x.r2 = numbers.r2 * factor.r2;
    x.r3 = numbers.r3 * factor.r3;
    return x;
}

fn add_numbers(numbers: RowNumbers, y: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    x.r0 = numbers.r0 + y.r0;
    x.r1 = numbers.r1 + y.r1;
    x.r2 = numbers.r2 + y.r2;
    x.r3 = numbers.r3 + y.r3;
    return x;
}

// Puts a group's results into workgroup memory.
fn store_rows(group: u32, lane: u32, o: RowSlices, reference: RowNumbers, sum: RowNumbers) {
    store_slice(group_row(0u, group) * COLUMNS4, o.r0);
    store_slice(group_row(1u, group) * COLUMNS4, o.r1);
    store_slice(group_row(2u, group) * COLUMNS4, o.r2);
    store_slice(group_row(3u, group) * COLUMNS4, o.r3);
    let sum0 = quad_sum(sum.r0);
    let sum1 = quad_sum(sum.r1);
    let sum2 = quad_sum(sum.r2);
    let sum3 = quad_sum(sum.r3);
    if lane == 0u {
        group_stats[group_row(0u, group)] = vec2<f32>(reference.r0, sum0);
        group_stats[group_row(1u, group)] = vec2<f32>(reference.r1, sum1);
        group_stats[group_row(2u, group)] = vec2<f32>(reference.r2, sum2);
        group_stats[group_row(3u, group)] = vec2<f32>(reference.r3, sum3);
    }
}
