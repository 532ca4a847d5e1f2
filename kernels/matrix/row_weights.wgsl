// What lane matrix does for N blocks of query rows by way of workgroup memory.
fn left_blocks(place: Place, key_block: u32) -> LeftBlocks {
    return LeftBlocks(
        //% for r in range(N)
        left_matrix(place, ${r}u, key_block),
        //% endfor
    );
}

fn put_sums(sums: SumBlocks, place: Place, key_block: u32) {
    //% for r in range(N)
    put_sum(sums.r${r}, place, ${r}u, key_block);
    //% endfor
}

fn weigh(before: Rows, place: Place) -> Rows {
    var rows = before;
    // All loads before any store, as a compiler takes scores and weights to be one memory.
    //% for r in range(N)
    let s${r} = lane_scores(place, ${r}u);
    //% endfor
    //% for r in range(N)
    let w${r} = plain_weights(s${r}, rows.r${r}.reference);
    //% endfor
    //% for r in range(N)
    rows.r${r}.total = lane_total(w${r});
    //% endfor
    //% for r in range(N)
    put_lane_weights(w${r}, place, ${r}u);
    //% endfor
    return rows;
}

fn weigh_masked(before: Rows, place: Place, t0: u32) -> Rows {
    var rows = before;
    //% for r in range(N)
    let s${r} = lane_scores(place, ${r}u);
    //% endfor
    //% for r in range(N)
    let w${r} = masked_weights(s${r}, rows.r${r}, place, t0);
    //% endfor
    //% for r in range(N)
    rows.r${r}.total = lane_total(w${r});
    //% endfor
    //% for r in range(N)
    put_lane_weights(w${r}, place, ${r}u);
    //% endfor
    return rows;
}

fn weigh_rows_again(rows: Rows, place: Place, t0: u32) -> Rows {
    return Rows(
        //% for r in range(N)
        weigh_again(rows.r${r}, place, t0, ${r}u),
        //% endfor
    );
}

fn has_lost(rows: Rows) -> bool {
    var largest = rows.r0.total;
    //% for r in range(1, N)
    largest = max(largest, rows.r${r}.total);
    //% endfor
    return largest > LARGEST_SUM;
}

fn with_totals(before: Rows) -> Rows {
    var rows = before;
    //% for r in range(N)
    rows.r${r}.sum += rows.r${r}.total;
    //% endfor
    return rows;
}

fn with_row_sums(before: Rows, place: Place) -> Rows {
    var rows = before;
    //% for r in range(N)
    rows.r${r}.sum = row_sum(rows.r${r}.sum);
    store_stats(rows.r${r}, place);
    //% endfor
    return rows;
}

// A block of columns of Q, by way of where weights will be.
fn staged_query(rows: Rows, place: Place, column_block: u32) -> LeftBlocks {
    workgroupBarrier();
    //% for r in range(N)
    stage_query(rows.r${r}, place, ${r}u, column_block);
    //% endfor
    workgroupBarrier();
    return left_blocks(place, 0u);
}

// A block of columns of O with every row multiplied by what its lanes ask for, by way of where scores are.
fn scaled(sums: SumBlocks, rows: Rows, place: Place) -> SumBlocks {
    workgroupBarrier();
    put_sums(sums, place, 0u);
    workgroupBarrier();
    //% for r in range(N)
    scale_staged(rows.r${r}, place, ${r}u);
    //% endfor
    workgroupBarrier();
    return SumBlocks(
        //% for r in range(N)
        get_sum(place, ${r}u),
        //% endfor
    );
}

fn store_block(sums: SumBlocks, rows: Rows, place: Place, column_block: u32) {
    workgroupBarrier();
    put_sums(sums, place, 0u);
    workgroupBarrier();
    //% for r in range(N)
    store_staged(rows.r${r}, place, ${r}u, column_block);
    //% endfor
}
