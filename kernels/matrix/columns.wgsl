// N blocks of columns of Q, K, V and O. Written out for each count, as arrays that are indexed in a loop land in memory.
const COLUMN_BLOCKS: u32 = ${N}u;

alias Queries = array<LeftBlocks, ${N}>;
alias Outputs = array<SumBlocks, ${N}>;

// O plus weights times a block of values.
fn add_block(before: Outputs, w: LeftBlocks, key_block: u32) -> Outputs {
    var o = before;
    //% for c in range(N)
    o[${c}] = add_weighted(w, value_matrix(key_block, ${c}u), o[${c}]);
    //% endfor
    return o;
}

fn store_outputs(o: Outputs, rows: Rows, place: Place) {
    //% for c in range(N)
    store_block(o[${c}], rows, place, ${c}u);
    //% endfor
}
