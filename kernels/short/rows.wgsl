// The query rows of a group of lanes: N. Named members for the reason that slices have them.
const ROWS: u32 = ${N}u;

// This lane's columns of each row: of Q, or of O.
struct RowSlices {
    //% for r in range(N)
    r${r}: Slice,
    //% endfor
}

// Of each row, the scores of a block's four keys.
struct RowScores {
    //% for r in range(N)
    r${r}: vec4<f32>,
    //% endfor
}

// A number for each row; where it is a score or a weight, that of the key whose score the lane owns.
struct RowNumbers {
    //% for r in range(N)
    r${r}: f32,
    //% endfor
}

fn same_numbers(x: f32) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        x,
        //% endfor
    );
}

// Rows from `first` on, times `factor`; rows from `end` on are those of the last.
fn load_queries(first: u32, end: u32, factor: f32) -> RowSlices {
    var x: RowSlices;
    //% for r in range(N)
    x.r${r} = scaled_slice(query_slice(min(first${plus(r)}, end - 1u)), factor);
    //% endfor
    return x;
}

// This lane's share of the scores of a block of keys.
fn block_scores(q: RowSlices, k: Block) -> RowScores {
    let k0 = unpacked_key(k.k0, k.t.x);
    let k1 = unpacked_key(k.k1, k.t.y);
    let k2 = unpacked_key(k.k2, k.t.z);
    let k3 = unpacked_key(k.k3, k.t.w);
    var x: RowScores;
    //% for r in range(N)
    x.r${r} = vec4<f32>(slice_dot(q.r${r}, k0), slice_dot(q.r${r}, k1), slice_dot(q.r${r}, k2), slice_dot(q.r${r}, k3));
    //% endfor
    return x;
}

// o plus a block of values, weighted.
fn add_values(o: RowSlices, w: RowScores, v: Block) -> RowSlices {
    let v0 = unpacked_value(v.k0, v.t.x);
    let v1 = unpacked_value(v.k1, v.t.y);
    let v2 = unpacked_value(v.k2, v.t.z);
    let v3 = unpacked_value(v.k3, v.t.w);
    var x: RowSlices;
    //% for r in range(N)
    x.r${r} = add_weighted_block(o.r${r}, w.r${r}, v0, v1, v2, v3);
    //% endfor
    return x;
}

fn scale_rows(o: RowSlices, factor: RowNumbers) -> RowSlices {
    var x: RowSlices;
    //% for r in range(N)
    x.r${r} = scaled_slice(o.r${r}, factor.r${r});
    //% endfor
    return x;
}

// Sums the lanes' shares; each lane keeps the score of the key that it owns.
fn own_scores(s: RowScores, lane: u32) -> RowNumbers {
    var x: RowNumbers;
    //% for r in range(N)
    x.r${r} = own_score(s.r${r}, lane);
    //% endfor
    return x;
}

fn all_weights(p: RowNumbers) -> RowScores {
    var x: RowScores;
    //% for r in range(N)
    x.r${r} = all_four(p.r${r});
    //% endfor
    return x;
}

// The operator's scores of key t for rows from `first` on; rows from `end` on take the terms of the last.
fn mask_rows(p: RowNumbers, b: u32, n: u32, first: u32, end: u32, t: u32) -> RowNumbers {
    var x: RowNumbers;
    //% for r in range(N)
    x.r${r} = masked_score(p.r${r}, b, n, min(first${plus(r)}, end - 1u), t);
    //% endfor
    return x;
}

fn select_rows(outside: f32, p: RowNumbers, inside: bool) -> RowNumbers {
    var x: RowNumbers;
    //% for r in range(N)
    x.r${r} = select(outside, p.r${r}, inside);
    //% endfor
    return x;
}

// Whether a score passes its row's reference by more than the slack.
fn rows_grew(p: RowNumbers, reference: RowNumbers) -> bool {
    //% for r in range(N)
    ${"return " if loop.first else "    || "}p.r${r} > reference.r${r} + SLACK${";" if loop.last else ""}
    //% endfor
}

fn rows_max(p: RowNumbers, reference: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    //% for r in range(N)
    x.r${r} = max(reference.r${r}, quad_max(p.r${r}));
    //% endfor
    return x;
}

fn weigh_rows(p: RowNumbers, reference: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    //% for r in range(N)
    x.r${r} = weight(p.r${r} - reference.r${r});
    //% endfor
    return x;
}

// What results relative to `before` are multiplied by to be relative to `after`.
fn shrink_factors(before: RowNumbers, after: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    //% for r in range(N)
    x.r${r} = weight(before.r${r} - after.r${r});
    //% endfor
    return x;
}

fn scale_numbers(numbers: RowNumbers, factor: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    //% for r in range(N)
    x.r${r} = numbers.r${r} * factor.r${r};
    //% endfor
    return x;
}

fn add_numbers(numbers: RowNumbers, y: RowNumbers) -> RowNumbers {
    var x: RowNumbers;
    //% for r in range(N)
    x.r${r} = numbers.r${r} + y.r${r};
    //% endfor
    return x;
}

// Puts a group's results into workgroup memory.
fn store_rows(group: u32, lane: u32, o: RowSlices, reference: RowNumbers, sum: RowNumbers) {
    //% for r in range(N)
    store_slice(group_row(${r}u, group) * COLUMNS4, o.r${r});
    //% endfor
    //% for r in range(N)
    let sum${r} = quad_sum(sum.r${r});
    //% endfor
    if lane == 0u {
        //% for r in range(N)
        group_stats[group_row(${r}u, group)] = vec2<f32>(reference.r${r}, sum${r});
        //% endfor
    }
}
