// O of both groups in N blocks of columns, each row multiplied by what it shrinks by.
fn merged_outputs(before: Outputs, own_factors: SumBlocks, other_factors: SumBlocks, place: Place) -> Outputs {
    var o = before;
    //% for c in range(N)
    let other${c} = times_blocks(other_blocks(o[${c}], place), other_factors);
    o[${c}] = add_blocks(times_blocks(o[${c}], own_factors), other${c});
    //% endfor
    return o;
}
