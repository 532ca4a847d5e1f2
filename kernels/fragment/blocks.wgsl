// Q in two parts and O in float32 by way of workgroup memory, block by block of columns.
const STAGED_ROW: u32 = SIDE;

// Loaded on every path, so that no load waits for a branch.
fn query4_or_zero(row: Row, place: Place, h: u32) -> vec4<f32> {
    let s = min(row.s, place.rows_end - 1u);
    let x = source_query4(place.b, place.n, s, min(h, (params.head_size - 1u) / 4u * 4u));
    return select(vec4<f32>(), x, row.s < place.rows_end && h < params.head_size);
}

fn query_part(row: Row, place: Place, column_block: u32) -> RowPart {
    let h = column_block * SIDE + place.part * 4u;
    return RowPart(query4_or_zero(row, place, h), query4_or_zero(row, place, h + PART_STEP));
}

// A block of columns of the subgroup's queries, by way of where keys will be: packed as operands are, which what is made element by
// element may not be for as long as it lives.
fn query_block(part: RowPart, place: Place) -> Left {
    order_lanes();
    let at = place.row_area + place.part * 4u;
    put_query4(at, part.low);
    put_query4(at + PART_STEP, part.high);
    order_lanes();
    return query_matrix(place.area);
}

fn answer(o: Outputs, rows: Rows, place: Place) {
    store_outputs(o, rows, place);
}
