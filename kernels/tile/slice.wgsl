// A lane's part of each row: N vec4 of columns, every LANES-th. Named members for the reason that rows have them. Scores of them are one
// chain of products or, for M of 2, two chains of half as many, whose rounding errors are smaller.
const SLICE4: u32 = ${N}u;

// Of Q, each part over all rows.
struct Queries {
    //% for c in range(N)
    c${c}: RowVectors,
    //% endfor
}

fn load_queries(b: u32, n: u32, first: u32, end: u32, lane: u32, factor: f32) -> Queries {
    var q: Queries;
    //% for c in range(N)
    q.c${c} = load_part(b, n, first, end, ${c}u, lane, factor);
    //% endfor
    return q;
}

// This lane's share of the scores of the four keys at `at`.
fn block_scores(q: Queries, at: vec4<u32>) -> RowVectors {
    var s = RowVectors();
    //% for c in range(N if M == 1 else (N + 1) // 2)
    s = part_scores(s, q.c${c}, at${plus(c, "LANES")});
    //% endfor
    //% if M == 1
    return s;
    //% else
    var s_b = RowVectors();
    //% for c in range((N + 1) // 2, N)
    s_b = part_scores(s_b, q.c${c}, at${plus(c, "LANES")});
    //% endfor
    return add_vectors(s, s_b);
    //% endif
}

// Of one row of V or O.
struct Slice {
    //% for c in range(N)
    c${c}: vec4<f32>,
    //% endfor
}

fn value_slice(at: u32) -> Slice {
    var v: Slice;
    //% for c in range(N)
    v.c${c} = tile_value(at${plus(c, "LANES")});
    //% endfor
    return v;
}

fn add_weighted(o: Slice, w: f32, v: Slice) -> Slice {
    var x: Slice;
    //% for c in range(N)
    x.c${c} = fma(vec4<f32>(w), v.c${c}, o.c${c});
    //% endfor
    return x;
}

fn scaled(o: Slice, factor: f32) -> Slice {
    var x: Slice;
    //% for c in range(N)
    x.c${c} = o.c${c} * factor;
    //% endfor
    return x;
}

fn store_slice(b: u32, n: u32, s: u32, end: u32, split: u32, lane: u32, o: Slice, sum: f32) {
    //% for c in range(N)
    store_row_part(b, n, s, end, split, ${c}u, lane, o.c${c}, sum);
    //% endfor
}
