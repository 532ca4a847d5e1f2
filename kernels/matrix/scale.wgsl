// Every row of O, in N blocks of columns, multiplied by what its lanes ask for.
fn scale_outputs(before: Outputs, rows: Rows, place: Place) -> Outputs {
    var o = before;
    //% for c in range(N)
    o[${c}] = scaled(o[${c}], rows, place);
    //% endfor
    workgroupBarrier();
    return o;
}
