// Q in N blocks of columns. All are loaded before the first goes by way of workgroup memory, as each would be waited for there.
fn load_queries(rows: Rows, place: Place) -> Queries {
    //% for c in range(N)
    let parts${c} = query_parts(rows, place, ${c}u);
    //% endfor
    var q: Queries;
    //% for c in range(N)
    q[${c}] = staged_query(parts${c}, place);
    //% endfor
    return q;
}
