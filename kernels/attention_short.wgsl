// The lane for short queries (decoding). Keys are spread over everything there is: over workgroups by key splits, within
// a workgroup over groups of LANES lanes that take blocks of four keys in turn. Keys and values come straight from
// storage, as each is used once. The groups' results are merged in workgroup memory, the splits' by the combine kernel.
override WORKGROUP_SIZE: u32;
// Keys that no row may see need no pass, where their weight is exactly 0.
override CAUSAL_SKIP: bool;

// Named, as naga 30 cannot process the override of an unnamed array length.
override GROUPS: u32 = WORKGROUP_SIZE / LANES;
override GROUP_ROWS: u32 = GROUPS * ROWS;
override GROUP_VALUES: u32 = GROUP_ROWS * COLUMNS4;

// What each group found of each row: (row, group), then columns.
var<workgroup> group_stats: array<vec2<f32>, GROUP_ROWS>;
var<workgroup> group_values: array<vec4<f32>, GROUP_VALUES>;

// The block of keys at hand: its head, and the end of this workgroup's keys.
var<private> batch_row: u32;
var<private> head: u32;
var<private> keys_end: u32;
var<private> lane_group: u32;

// `at` is key · COLUMNS4 + column of vec4, as if all keys lay in one tile.
fn tile_key(at: u32) -> vec4<f32> {
    let t = at / COLUMNS4;
    let h = at % COLUMNS4 * 4u;
    if t < keys_end && h < params.head_size {
        return source_key4(batch_row, head, t, h);
    }
    return vec4<f32>();
}

fn tile_value(at: u32) -> vec4<f32> {
    let t = at / COLUMNS4;
    let h = at % COLUMNS4 * 4u;
    if t < keys_end && h < params.v_head_size {
        return source_value4(batch_row, head, t, h);
    }
    return vec4<f32>();
}

// Finished rows of a group go to workgroup memory.
fn store_row_stats(b: u32, n: u32, s: u32, end: u32, split: u32, lane: u32, reference: f32, sum: f32) {
    if lane == 0u {
        group_stats[group_row(s, lane_group)] = vec2<f32>(reference, sum);
    }
}

fn store_row_part(b: u32, n: u32, s: u32, end: u32, split: u32, part: u32, lane: u32, x: vec4<f32>, sum: f32) {
    group_values[group_row(s, lane_group) * COLUMNS4 + part * LANES + lane] = x;
}

fn group_row(s: u32, group: u32) -> u32 {
    return (s - params.origin.z) % ROWS * GROUPS + group;
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
    keys_end = t_end;
    lane_group = group;

    let q = load_rows(b, n, first, rows_end, lane, score_factor());
    var o = Rows();
    var reference = same_numbers(LOWEST);
    var sum = same_numbers(0.0);
    let block_at = vec4<u32>(rotated(0u, lane), rotated(1u, lane), rotated(2u, lane), rotated(3u, lane)) * COLUMNS4 + lane;

    // Every group makes the same number of turns, so that its lanes stay together for the exchange.
    for (var t0 = t_begin; t0 < t_end; t0 += GROUPS * 4u) {
        let t = t0 + group * 4u;
        let at = block_at + t * COLUMNS4;
        var p = scatter_rows(block_scores(q, at));
        if CAUSAL || ATTENTION_BIAS || PADDING_MASK != 0u {
            p = mask_rows(p, b, n, first, rows_end, t, t_end - 1u, lane);
        }
        p = rows_below(p, t_end, t, lane, LOWEST);
        if any_lane(rows_grew(p, reference)) {
            let after = rows_max(p, reference);
            let shrink = shrink_factors(reference, after);
            reference = after;
            sum = scale_numbers(sum, shrink);
            o = scale_rows(o, shrink);
        }
        p = weigh_rows(p, reference);
        p = rows_below(p, t_end, t, lane, 0.0);
        sum = add_weights(sum, p);
        o = add_values(o, gather_rows(p), at);
    }
    store_rows(b, n, first, rows_end, params.first_split + split, lane, o, reference, group_sums(sum));
    workgroupBarrier();
    for (var i = local_index; i < ROWS * COLUMNS4; i += WORKGROUP_SIZE) {
        let s = first + i / COLUMNS4;
        if s < rows_end {
            merge_column(b, n, s, i % COLUMNS4, params.first_split + split);
        }
    }
}

// Merges one vec4 of a row over all groups, and stores it.
fn merge_column(b: u32, n: u32, s: u32, column: u32, split: u32) {
    var row_max = LOWEST;
    for (var g = 0u; g < GROUPS; g++) {
        row_max = max(row_max, group_stats[group_row(s, g)].x);
    }
    var sum = 0.0;
    var x = vec4<f32>();
    for (var g = 0u; g < GROUPS; g++) {
        let row = group_row(s, g);
        let factor = weight(group_stats[row].x - row_max);
        sum += group_stats[row].y * factor;
        x += group_values[row * COLUMNS4 + column] * factor;
    }
    let h = column * 4u;
    if PARTIAL {
        let index = partial_index(split, b, n, s);
        if h == 0u {
            partial_stats[index] = vec2<f32>(row_max, sum);
        }
        if h < params.v_head_size {
            store_partial4(index, h, x);
        }
    } else if h < params.v_head_size {
        store_output4(element(params.output, b, n, s) + h, params.v_head_size - h, x / sum);
    }
}
