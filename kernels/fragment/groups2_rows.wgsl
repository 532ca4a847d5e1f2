// The second group's N blocks of query rows.
fn other_blocks(x: SumBlocks, place: Place) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        other_matrix(x.r${r}, place),
        //% endfor
    );
}
