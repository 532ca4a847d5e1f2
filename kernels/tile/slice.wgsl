// A lane's part of each row: N vec4 of columns, every LANES-th. Named members for the reason that rows have them.
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
    //% for c in range(N)
    s = part_scores(s, q.c${c}, at${plus(c, "LANES")});
    //% endfor
    return s;
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
