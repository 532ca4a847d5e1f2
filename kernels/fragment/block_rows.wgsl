// Blocks of columns of Q, of N blocks of query rows.
struct RowParts {
    //% for r in range(N)
    r${r}: RowPart,
    //% endfor
}

fn query_parts(rows: Rows, place: Place, column_block: u32) -> RowParts {
    return RowParts(
        //% for r in range(N)
        query_part(rows.r${r}, place, column_block),
        //% endfor
    );
}

fn staged_query(parts: RowParts, place: Place) -> LeftBlocks {
    return LeftBlocks(
        //% for r in range(N)
        query_block(parts.r${r}, place),
        //% endfor
    );
}
