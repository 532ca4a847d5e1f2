// Q and O in N blocks of columns, pair by pair. All of Q is loaded before the first pair is staged, as each would be waited for there.
fn load_queries(rows: Rows, place: Place) -> Queries {
    //% for c in range(0, N, 2)
    let pieces${c} = load_pairs(place, ${c}u * SIDE);
    //% endfor
    var q: Queries;
    //% for c in range(0, N, 2)
    let staged${c} = staged_pairs(pieces${c}, place);
    q[${c}] = first_blocks(staged${c});
    //% if c + 1 < N
    q[${c + 1}] = second_blocks(staged${c});
    //% endif
    //% endfor
    return q;
}

// Partial results are float32, block by block.
fn answer(o: Outputs, rows: Rows, place: Place) {
    if PARTIAL {
        store_outputs(o, rows, place);
        return;
    }
    let factors = output_factors(rows, place);
    //% for c in range(0, N, 2)
    store_pairs(o[${c}], ${"o[" ~ (c + 1) ~ "]" if c + 1 < N else "SumBlocks()"}, factors, place, ${c}u * SIDE);
    //% endfor
}
