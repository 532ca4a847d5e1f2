// What lane fragment does for N blocks of query rows.

fn store_block(sums: SumBlocks, rows: Rows, place: Place, column_block: u32) {
    //% for r in range(N)
    stage(sums.r${r}, place);
    store_staged(rows.r${r}, place, column_block);
    //% endfor
}

// Of a block of keys: products relative to references, as scores, and what hides all.
fn relative_block(products: SumBlocks, references: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_relative_score(products.r${r}, references.r${r}),
        //% endfor
    );
}

fn score_block(products: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_score(products.r${r}),
        //% endfor
    );
}

fn hidden_block(products: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_hidden(products.r${r}),
        //% endfor
    );
}

// Of the block at key t where masks matter: scores, LOWEST where there is no key, and scores relative to references.
fn masked_block(products: SumBlocks, position: SumMatrix, place: Place, t: u32) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_masked_or_lowest(products.r${r}, position, place, place.row${plus(r, "SIDE")}, t),
        //% endfor
    );
}

fn masked_relative_block(
    products: SumBlocks,
    position: SumMatrix,
    references: SumBlocks,
    place: Place,
    t: u32,
) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_masked_relative(products.r${r}, position, references.r${r}, place, place.row${plus(r, "SIDE")}, t),
        //% endfor
    );
}

fn larger_blocks(x: SumBlocks, y: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_larger(x.r${r}, y.r${r}),
        //% endfor
    );
}

fn largest_of_blocks(x: SumBlocks) -> SumMatrix {
    var largest = x.r0;
    //% for r in range(1, N)
    largest = each_larger(largest, x.r${r});
    //% endfor
    return largest;
}

fn lowest_references() -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_lowest(SumMatrix()),
        //% endfor
    );
}

fn add_blocks(x: SumBlocks, y: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        x.r${r} + y.r${r},
        //% endfor
    );
}

fn weight_block(scores: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_weight(scores.r${r}),
        //% endfor
    );
}

fn left_blocks(weights: SumBlocks) -> LeftBlocks {
    return LeftBlocks(
        //% for r in range(N)
        left_of(weights.r${r}),
        //% endfor
    );
}

// References that none of these scores exceeds by more than HEADROOM.
fn raised_references(references: SumBlocks, scores: SumBlocks, place: Place) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_larger(references.r${r}, largest_of_rows(scores.r${r}, place)),
        //% endfor
    );
}

// What rows shrink by.
fn shrink_blocks(before: SumBlocks, after: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        each_shrink(before.r${r}, after.r${r}),
        //% endfor
    );
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
    if PARTIAL {
        stage(state.references.r${r}, place);
        rows.r${r}.reference = get_scores(place.row_area).x;
    }
    stage(state.sums.r${r}, place);
    rows.r${r}.sum = row_sum(staged_sum(place));
    store_stats(rows.r${r}, place);
    //% endfor
    return rows;
}
