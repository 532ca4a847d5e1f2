// O in N blocks of columns, each row multiplied by what it shrinks by.
fn shrunk_outputs(before: Outputs, factors: SumBlocks) -> Outputs {
    var o = before;
    //% for c in range(N)
    o[${c}] = times_blocks(o[${c}], factors);
    //% endfor
    return o;
}
