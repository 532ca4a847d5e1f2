// Q in N blocks of columns, one after the other by way of workgroup memory.
fn load_queries(rows: Rows, place: Place) -> Queries {
    var q: Queries;
    //% for c in range(N)
    q[${c}] = staged_query(rows, place, ${c}u);
    //% endfor
    return q;
}
