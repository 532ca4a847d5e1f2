// N blocks of query rows to a subgroup. Written out for each count with named members, as arrays that are indexed may land
// in memory.
const ROW_BLOCKS: u32 = ${N}u;

struct LeftBlocks {
    //% for r in range(N)
    r${r}: Left,
    //% endfor
}

struct SumBlocks {
    //% for r in range(N)
    r${r}: SumMatrix,
    //% endfor
}

struct Rows {
    //% for r in range(N)
    r${r}: Row,
    //% endfor
}

fn first_rows(s: u32) -> Rows {
    return Rows(
        //% for r in range(N)
        Row(s${plus(r, "SIDE")}, LOWEST, 0.0, 0.0, 1.0),
        //% endfor
    );
}

fn multiply(a: LeftBlocks, b: Right, sums: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        product(a.r${r}, b, sums.r${r}),
        //% endfor
    );
}

// O plus weights times values.
fn add_weighted(a: LeftBlocks, b: Right, sums: SumBlocks) -> SumBlocks {
    return SumBlocks(
        //% for r in range(N)
        weighted_sum(a.r${r}, b, sums.r${r}),
        //% endfor
    );
}
