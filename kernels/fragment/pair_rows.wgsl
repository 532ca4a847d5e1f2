// Pairs of blocks of columns, of N blocks of query rows.
struct RowPairs {
    //% for r in range(N)
    r${r}: PairPieces,
    //% endfor
}

struct RowLefts {
    //% for r in range(N)
    r${r}: PairLeft,
    //% endfor
}

fn load_pairs(place: Place, h0: u32) -> RowPairs {
    return RowPairs(
        //% for r in range(N)
        load_pair(place, place.row${plus(r, "SIDE")}, h0),
        //% endfor
    );
}

fn staged_pairs(pieces: RowPairs, place: Place) -> RowLefts {
    return RowLefts(
        //% for r in range(N)
        staged_pair(pieces.r${r}, place),
        //% endfor
    );
}

fn first_blocks(x: RowLefts) -> LeftBlocks {
    return LeftBlocks(
        //% for r in range(N)
        x.r${r}.first,
        //% endfor
    );
}

fn second_blocks(x: RowLefts) -> LeftBlocks {
    return LeftBlocks(
        //% for r in range(N)
        x.r${r}.second,
        //% endfor
    );
}

// What rows of O are multiplied by, in all of their elements.
fn output_factors(rows: Rows, place: Place) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        matrix_of_rows(OUTPUT_FACTOR / rows.r${r}.sum, place),
        //% endfor
    );
}

fn store_pairs(first: SumBlocks, second: SumBlocks, factors: SumBlocks, place: Place, h0: u32) {
    //% for r in range(N)
    store_pair(
        each_times(first.r${r}, factors.r${r}),
        each_times(second.r${r}, factors.r${r}),
        place,
        place.row${plus(r, "SIDE")},
        h0,
    );
    //% endfor
}
