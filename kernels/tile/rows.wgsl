// The query rows of a group of lanes: N. Named members, because an array that is indexed in a loop lands in memory
// wherever a compiler chooses not to unroll. M is 1 where scores are summed row by row instead of key by key; only then are
// there parts of scores and sums of tiles to add.
const ROWS: u32 = ${N}u;

// A vec4 for each row: of columns, or of the four keys of a block.
struct RowVectors {
    //% for r in range(N)
    r${r}: vec4<f32>,
    //% endfor
}

// The scores or weights that a lane owns, of each row.
struct OwnedRows {
    //% for r in range(N)
    r${r}: Owned,
    //% endfor
}

// A number for each row.
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

// Columns of the rows from `first` on, times `factor`; for rows from `end` on, those of the last.
fn load_part(b: u32, n: u32, first: u32, end: u32, part: u32, lane: u32, factor: f32) -> RowVectors {
    return RowVectors(
        //% for r in range(N)
        query_part(b, n, min(first${plus(r)}, end - 1u), part, lane) * factor,
        //% endfor
    );
}

//% if M
// s plus the products of one part of Q with that part of the four keys at `at`, row by row.
fn part_scores(s: RowVectors, q: RowVectors, at: vec4<u32>) -> RowVectors {
    let k0 = tile_key(at.x);
    let k1 = tile_key(at.y);
    let k2 = tile_key(at.z);
    let k3 = tile_key(at.w);
    //% for r in range(N)
    //% for key in range(4)
    var s${r}_${key} = s.r${r}.${"xyzw"[key]};
    //% for column in ["x", "y", "z", "w"]
    s${r}_${key} = fma(q.r${r}.${column}, k${key}.${column}, s${r}_${key});
    //% endfor
    //% endfor
    //% endfor
    return RowVectors(
        //% for r in range(N)
        vec4<f32>(s${r}_0, s${r}_1, s${r}_2, s${r}_3),
        //% endfor
    );
}

fn add_vectors(x: RowVectors, y: RowVectors) -> RowVectors {
    return RowVectors(
        //% for r in range(N)
        x.r${r} + y.r${r},
        //% endfor
    );
}

fn add_numbers(x: RowNumbers, y: RowNumbers) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        x.r${r} + y.r${r},
        //% endfor
    );
}

//% else
// Scores of one key plus its products with one part of Q: each column over all rows, so that a sum is not needed again before
// it is ready.
fn key_scores(s: RowNumbers, q: RowVectors, k: vec4<f32>) -> RowNumbers {
    var x = s;
    //% for column in ["x", "y", "z", "w"]
    //% for r in range(N)
    x.r${r} = fma(q.r${r}.${column}, k.${column}, x.r${r});
    //% endfor
    //% endfor
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
        //% for r in range(N)
        vec4<f32>(s0.r${r}, s1.r${r}, s2.r${r}, s3.r${r}),
        //% endfor
    );
}

//% endif

// A block of four keys the other way around: for each key a number of each row.
struct KeyNumbers {
    k0: RowNumbers,
    k1: RowNumbers,
    k2: RowNumbers,
    k3: RowNumbers,
}

fn by_key(x: RowVectors) -> KeyNumbers {
    return KeyNumbers(
        //% for key in ["x", "y", "z", "w"]
        RowNumbers(
            //% for r in range(N)
            x.r${r}.${key},
            //% endfor
        ),
        //% endfor
    );
}

// This lane's columns of each row of O.
struct Outputs {
    //% for r in range(N)
    r${r}: Slice,
    //% endfor
}

// o plus a value, weighted.
fn add_value(o: Outputs, w: RowNumbers, v: Slice) -> Outputs {
    return Outputs(
        //% for r in range(N)
        add_weighted(o.r${r}, w.r${r}, v),
        //% endfor
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
        //% for r in range(N)
        scaled(o.r${r}, factor.r${r}),
        //% endfor
    );
}

fn scatter_rows(s: RowVectors) -> OwnedRows {
    return OwnedRows(
        //% for r in range(N)
        scatter_rotated(s.r${r}),
        //% endfor
    );
}

fn gather_rows(p: OwnedRows) -> RowVectors {
    return RowVectors(
        //% for r in range(N)
        gather_rotated(p.r${r}),
        //% endfor
    );
}

// The operator's scores of keys t to t + 3. Rows from `end` and keys past `last` take the terms of the last that exist.
fn mask_rows(p: OwnedRows, b: u32, n: u32, first: u32, end: u32, t: u32, last: u32, lane: u32) -> OwnedRows {
    return OwnedRows(
        //% for r in range(N)
        owned_masked(p.r${r}, b, n, min(first${plus(r)}, end - 1u), t, lane, last),
        //% endfor
    );
}

// p for keys below `end`, else `outside`.
fn rows_below(p: OwnedRows, end: u32, t: u32, lane: u32, outside: f32) -> OwnedRows {
    return OwnedRows(
        //% for r in range(N)
        owned_below(end, t, lane, p.r${r}, outside),
        //% endfor
    );
}

// Whether a score passes its row's reference by more than the slack.
fn rows_grew(p: OwnedRows, reference: RowNumbers) -> bool {
    //% for r in range(N)
    ${"return " if loop.first else "    || "}owned_max(p.r${r}) > reference.r${r} + SLACK${";" if loop.last else ""}
    //% endfor
}

// Whether a number of any row is larger than `most`.
fn any_above(x: RowNumbers, most: f32) -> bool {
    //% for r in range(N)
    ${"return " if loop.first else "    || "}x.r${r} > most${";" if loop.last else ""}
    //% endfor
}

// The largest number of each row among the lanes of a group.
fn group_maxima(x: RowNumbers) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        group_max(x.r${r}),
        //% endfor
    );
}

// Whether a number of any row is larger than `most` or smaller than its negative.
fn any_beyond(x: RowNumbers, most: f32) -> bool {
    //% for r in range(N)
    ${"return " if loop.first else "    || "}abs(x.r${r}) > most${";" if loop.last else ""}
    //% endfor
}

// The logarithm to base 2 of each number, at least 0.
fn logarithms(x: RowNumbers) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        log2(max(x.r${r}, 1.0)),
        //% endfor
    );
}

fn rounded_down(x: RowNumbers) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        floor(x.r${r}),
        //% endfor
    );
}

fn raised(x: RowNumbers, by: RowNumbers) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        x.r${r} + by.r${r},
        //% endfor
    );
}

fn rows_max(p: OwnedRows, reference: RowNumbers) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        max(reference.r${r}, group_max(owned_max(p.r${r}))),
        //% endfor
    );
}

fn weigh_rows(p: OwnedRows, reference: RowNumbers) -> OwnedRows {
    return OwnedRows(
        //% for r in range(N)
        owned_weight(p.r${r}, reference.r${r}),
        //% endfor
    );
}

// What results relative to `before` are multiplied by to be relative to `after`.
fn shrink_factors(before: RowNumbers, after: RowNumbers) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        weight(before.r${r} - after.r${r}),
        //% endfor
    );
}

fn scale_numbers(x: RowNumbers, factor: RowNumbers) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        x.r${r} * factor.r${r},
        //% endfor
    );
}

fn add_weights(sum: RowNumbers, p: OwnedRows) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        sum.r${r} + owned_sum(p.r${r}),
        //% endfor
    );
}

// The same for two blocks, whose weights are added to each other first, so that the chain of additions is half as long.
fn add_block_weights(sum: RowNumbers, p: OwnedRows, p_b: OwnedRows) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        sum.r${r} + (owned_sum(p.r${r}) + owned_sum(p_b.r${r})),
        //% endfor
    );
}

fn group_sums(sum: RowNumbers) -> RowNumbers {
    return RowNumbers(
        //% for r in range(N)
        group_sum(sum.r${r}),
        //% endfor
    );
}

// Divides and stores rows `first` on, as far as they exist; where results are partial, with their references and sums.
fn store_rows(b: u32, n: u32, first: u32, end: u32, split: u32, lane: u32, o: Outputs, reference: RowNumbers, sum: RowNumbers) {
    //% for r in range(N)
    store_row_stats(b, n, first${plus(r)}, end, split, lane, reference.r${r}, sum.r${r});
    //% endfor
    //% for r in range(N)
    store_slice(b, n, first${plus(r)}, end, split, lane, o.r${r}, sum.r${r});
    //% endfor
}
