// What lane fragment does for N blocks of query rows.

// A block of columns of Q, by way of workgroup memory.
fn staged_query(rows: Rows, place: Place, column_block: u32) -> LeftBlocks {
    return LeftBlocks(
        //% for r in range(N)
        query_block(rows.r${r}, place, column_block),
        //% endfor
    );
}

fn store_block(sums: SumBlocks, rows: Rows, place: Place, column_block: u32) {
    //% for r in range(N)
    stage(sums.r${r}, place);
    store_staged(rows.r${r}, place, column_block);
    //% endfor
}

// Scores of the tile at key t0 relative to references.
fn relative_scores(products: SumBlocks, references: SumBlocks, place: Place, t0: u32) -> SumBlocks {
    var x: SumBlocks;
    if t0 >= place.t_end {
        //% for r in range(N)
        x.r${r} = each_hidden(products.r${r});
        //% endfor
    } else if is_masked(place, t0) {
        let scores = masked_scores(products, place, t0);
        //% for r in range(N)
        x.r${r} = each_below(scores.r${r}, references.r${r});
        //% endfor
    } else {
        //% for r in range(N)
        x.r${r} = each_relative_score(products.r${r}, references.r${r});
        //% endfor
    }
    return x;
}

fn masked_scores(products: SumBlocks, place: Place, t0: u32) -> SumBlocks {
    let position = positions(place);
    return SumBlocks(
        //% for r in range(N)
        each_masked_element(products.r${r}, position, place, place.row${plus(r, "SIDE")}, t0),
        //% endfor
    );
}

fn absolute_scores(q: Queries, place: Place, half: u32, t0: u32) -> SumBlocks {
    let products = block_scores(q, half);
    if is_masked(place, t0) {
        return masked_scores(products, place, t0);
    }
    return SumBlocks(
        //% for r in range(N)
        each_score(products.r${r}),
        //% endfor
    );
}

// Whether a score exceeds its reference by more than weights can hold.
fn exceeds(x: SumBlocks) -> bool {
    var most = x.r0;
    //% for r in range(1, N)
    most = each_larger(most, x.r${r});
    //% endfor
    let largest = fold_larger(most, 0.0);
    return largest > select(LARGEST_NATURAL, LARGEST_LOG2, LOG2_SCORES);
}

fn lowest_references() -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_lowest(SumMatrix()),
        //% endfor
    );
}

// The weights of scores, their sums and the operands that they make.
fn weigh(before: State) -> State {
    var state = before;
    //% for r in range(N)
    let w${r} = each_weight(state.scores.r${r});
    state.sums.r${r} = state.sums.r${r} + w${r};
    state.weights.r${r} = left_of(w${r});
    //% endfor
    return state;
}

// Raises references so that no score of the tile at key t0 exceeds its row's by more than HEADROOM.
fn raise(before: State, q: Queries, place: Place, half: u32, t0: u32) -> State {
    var state = before;
    let scores = absolute_scores(q, place, half, t0);
    //% for r in range(N)
    let reference${r} = each_larger(state.references.r${r}, largest_of_rows(scores.r${r}, place));
    let shrink${r} = each_shrink(state.references.r${r}, reference${r});
    state.references.r${r} = reference${r};
    state.scores.r${r} = each_below(scores.r${r}, reference${r});
    state.sums.r${r} = each_times(state.sums.r${r}, shrink${r});
    state.weights.r${r} = shrunk(state.weights.r${r}, shrink${r});
    //% endfor
    state.o = shrunk_outputs(state.o, SumBlocks(
        //% for r in range(N)
        shrink${r},
        //% endfor
    ));
    return state;
}

fn times_blocks(x: SumBlocks, factors: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_times(x.r${r}, factors.r${r}),
        //% endfor
    );
}

// Rows with their sums, and their references where others need them.
fn rows_of(before: Rows, state: State, place: Place) -> Rows {
    var rows = before;
    //% for r in range(N)
    stage(state.references.r${r}, place);
    rows.r${r}.reference = get_scores(place.row_area).x;
    stage(state.sums.r${r}, place);
    rows.r${r}.sum = row_sum(staged_sum(place));
    store_stats(rows.r${r}, place);
    //% endfor
    return rows;
}
