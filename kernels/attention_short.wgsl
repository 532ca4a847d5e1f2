// The lane for short queries (decoding), which reads each key and value once and does little else: what counts is that
// memory is asked for unbroken ranges, and for many at a time. Keys are spread over everything there is: over workgroups
// by key splits, within a workgroup over groups of LANES lanes that take blocks of four keys in turn. A group reads whole
// rows, the keys and values of a block before it computes anything. The groups' results are merged in workgroup memory,
// the splits' by the last of their workgroups in the same memory, or, where that has no room for them, by the combine kernel.
override WORKGROUP_SIZE: u32;
// Keys that no row may see need no pass, where their weight is exactly 0.
override CAUSAL_SKIP: bool;
override PAST: bool;
override KV_BIAS: bool;
override QUERY_BIAS: bool;
override PARTIAL: bool;
// Whether splits are merged here, of which there are no more than groups then.
override MERGES: bool;

// How far a score may pass the reference before the row is scaled down. Weights then stay below 2^8 and sums are as
// accurate, while the test almost never holds after a row's first keys.
const SLACK: f32 = 5.5;
// vec4 of columns that a group holds of a row.
const COLUMNS4: u32 = LANES * PIECES * PIECE4;

// Named, as naga 30 cannot process the override of an unnamed array length.
override GROUPS: u32 = WORKGROUP_SIZE / LANES;
override GROUP_ROWS: u32 = GROUPS * ROWS;
override GROUP_VALUES: u32 = GROUP_ROWS * COLUMNS4;

// What each group found of each row: (row, group), then columns.
var<workgroup> group_stats: array<vec2<f32>, GROUP_ROWS>;
var<workgroup> group_values: array<vec4<f32>, GROUP_VALUES>;

// Where this lane stands.
var<private> batch_row: u32;
var<private> head: u32;
var<private> lane_of_group: u32;

// Keys or values t.x to t.w.
struct Block {
    k0: PackedSlice,
    k1: PackedSlice,
    k2: PackedSlice,
    k3: PackedSlice,
    t: vec4<u32>,
}

fn add_dot(sum: f32, a: vec4<f32>, b: vec4<f32>) -> f32 {
    return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// Which vec4 of a row begins this lane's piece `part`.
fn piece_column4(part: u32) -> u32 {
    return (part * LANES + lane_of_group) * PIECE4;
}

fn query_piece(s: u32, part: u32) -> Piece {
    let h = piece_column4(part) * 4u;
    let columns = params.head_size - h;
    var x: Piece;
    if h < params.head_size {
        x = unpacked(query_packed(element(params.query, batch_row, head, s) + h, columns));
        if QUERY_BIAS {
            let at = params.query_bias_offset + head * params.head_size + h;
            x = sum_pieces(x, unpacked(bias_packed(at, columns)));
        }
    }
    return x;
}

// Of key t, without its bias.
fn key_piece(t: u32, part: u32) -> Packed {
    let h = piece_column4(part) * 4u;
    let columns = params.head_size - h;
    var x: Packed;
    if h < params.head_size && is_held(batch_row, t) {
        if PAST && t < params.past_len {
            x = past_key_packed(element(params.past_key, past_batch(batch_row, t), head, t) + h, columns);
        } else {
            x = key_packed(element(params.key, batch_row, head, t - params.past_len) + h, columns);
        }
    }
    return x;
}

// Of value t, without its bias.
fn value_piece(t: u32, part: u32) -> Packed {
    let h = piece_column4(part) * 4u;
    let columns = params.v_head_size - h;
    var x: Packed;
    if h < params.v_head_size && is_held(batch_row, t) {
        if PAST && t < params.past_len {
            x = past_value_packed(element(params.past_value, past_batch(batch_row, t), head, t) + h, columns);
        } else {
            x = value_packed(element(params.value, batch_row, head, t - params.past_len) + h, columns);
        }
    }
    return x;
}

// New keys and values have a bias, past ones do not.
fn with_key_bias(x: Piece, t: u32, part: u32) -> Piece {
    let h = piece_column4(part) * 4u;
    if KV_BIAS && t >= params.past_len && h < params.head_size {
        let at = params.key_bias_offset + head * params.head_size + h;
        return sum_pieces(x, unpacked(bias_packed(at, params.head_size - h)));
    }
    return x;
}

fn with_value_bias(x: Piece, t: u32, part: u32) -> Piece {
    let h = piece_column4(part) * 4u;
    if KV_BIAS && t >= params.past_len && h < params.v_head_size {
        let at = params.value_bias_offset + head * params.v_head_size + h;
        return sum_pieces(x, unpacked(bias_packed(at, params.v_head_size - h)));
    }
    return x;
}

// The keys that a group takes in the turn that begins at t0.
fn own_block(t0: u32, group: u32) -> vec4<u32> {
    return vec4<u32>(t0 + group * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
}

fn group_row(row: u32, group: u32) -> u32 {
    return row * GROUPS + group;
}

fn attend(workgroup: vec3<u32>, local_index: u32, group: u32, lane: u32) {
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z / params.splits;
    let split = workgroup.z % params.splits;
    let first = params.origin.z + workgroup.x * ROWS;
    let rows_end = min(first + ROWS, params.end.z);

    let t_begin = params.origin.w + split * params.keys_per_split;
    var t_end = min(t_begin + params.keys_per_split, params.end.w);
    if CAUSAL_SKIP && rows_end < params.q_len {
        t_end = min(t_end, rows_end + params.past_len);
    }
    batch_row = b;
    head = n;
    lane_of_group = lane;

    let first_k = first_keys(t_begin, t_end, group);
    let q = load_queries(first, rows_end, score_factor());
    var o = RowSlices();
    var reference = same_numbers(LOWEST);
    var sum = same_numbers(0.0);
    var next = first_k;

    // Every group makes the same number of turns, so that its lanes stay together for the exchange. Keys from t_end on are
    // read as the last one before it, and weigh nothing.
    for (var t0 = t_begin; t0 < t_end; t0 += GROUPS * 4u) {
        let t = own_block(t0, group);
        let at = min(t, vec4<u32>(t_end - 1u));
        let k = Block(turn_key(next.k0, at.x), turn_key(next.k1, at.y), turn_key(next.k2, at.z), turn_key(next.k3, at.w), at);
        let v = Block(value_slice(at.x), value_slice(at.y), value_slice(at.z), value_slice(at.w), at);
        next = later_keys(next, t, t_end);

        let own = t.x + (lane & 3u);
        let counts = own < t_end && is_held(b, min(own, t_end - 1u));
        var p = own_scores(block_scores(q, k), lane);
        if CAUSAL || ATTENTION_BIAS || PADDING_MASK != 0u {
            p = mask_rows(p, b, n, first, rows_end, min(own, t_end - 1u));
        }
        p = select_rows(LOWEST, p, counts);
        if subgroupAny(rows_grew(p, reference)) {
            let after = rows_max(p, reference);
            let shrink = shrink_factors(reference, after);
            reference = after;
            sum = scale_numbers(sum, shrink);
            o = scale_rows(o, shrink);
        }
        p = select_rows(0.0, weigh_rows(p, reference), counts);
        sum = add_numbers(sum, p);
        o = add_values(o, all_weights(p), v);
    }
    store_rows(group, lane, o, reference, sum);
    workgroupBarrier();
    let rows = rows_end - first;
    let place = exchange_place(b, n, workgroup.x);
    for (var i = local_index; i < ROWS * COLUMNS4; i += WORKGROUP_SIZE) {
        let row = i / COLUMNS4;
        let column = i % COLUMNS4;
        if row >= rows || column * 4u >= params.v_head_size {
            continue;
        }
        let x = merged_column(row, column, GROUPS);
        if MERGES {
            give_merged(place, split, row, column, x);
        } else if PARTIAL {
            let index = partial_index(params.first_split + split, b, n, first + row);
            if column == 0u {
                partial_stats[index] = x.stats;
            }
            store_partial4(index, column * 4u, x.values);
        } else {
            store_merged(b, n, first + row, column, x);
        }
    }
    if MERGES {
        if !arrives_last(place.counter, params.splits, local_index) {
            return;
        }
        take_splits(place, rows, local_index);
        workgroupBarrier();
        for (var i = local_index; i < ROWS * COLUMNS4; i += WORKGROUP_SIZE) {
            let row = i / COLUMNS4;
            let column = i % COLUMNS4;
            if row < rows && column * 4u < params.v_head_size {
                store_merged(b, n, first + row, column, merged_column(row, column, params.splits));
            }
        }
    }
}

// One vec4 of a row over several parts of its keys, with the row's maximum and sum.
struct Merged {
    stats: vec2<f32>,
    values: vec4<f32>,
}

// Of the first `parts` groups, or of the splits in their place.
fn merged_column(row: u32, column: u32, parts: u32) -> Merged {
    var row_max = LOWEST;
    for (var g = 0u; g < parts; g++) {
        row_max = max(row_max, group_stats[group_row(row, g)].x);
    }
    var sum = 0.0;
    var x = vec4<f32>();
    for (var g = 0u; g < parts; g++) {
        let stats = group_stats[group_row(row, g)];
        let factor = weight(stats.x - row_max);
        sum += stats.y * factor;
        x += group_values[group_row(row, g) * COLUMNS4 + column] * factor;
    }
    return Merged(vec2<f32>(row_max, sum), x);
}

fn store_merged(b: u32, n: u32, s: u32, column: u32, x: Merged) {
    let h = column * 4u;
    store_output4(element(params.output, b, n, s) + h, params.v_head_size - h, x.values / x.stats.y);
}

// Lanes are placed by their subgroup position, because nothing promises that it follows the local index.
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_size) subgroup_size: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
    attend(workgroup, local_index, (subgroup * subgroup_size + subgroup_lane) / LANES, subgroup_lane % LANES);
}
