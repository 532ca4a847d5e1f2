// Subgroups in two groups that have the same rows and each half of a tile's keys, where a problem has too few rows to fill a device. In
// the end the first group has the answer.
const KEY_GROUPS: u32 = 2u;

// The second group's matrix; what the second group gets is of no use.
fn other_matrix(x: SumMatrix, place: Place) -> SumMatrix {
    stage(x, place);
    workgroupBarrier();
    let other = (place.area + SUBGROUPS / KEY_GROUPS * SIDE * SIDE) % (SUBGROUPS * SIDE * SIDE);
    let y = coopLoadT<SumMatrix>(&scores[other / UNIT], SIDE / UNIT);
    workgroupBarrier();
    return y;
}

fn merged(before: State, place: Place) -> State {
    var state = before;
    let others = other_blocks(before.references, place);
    let references = larger_blocks(before.references, others);
    let own_factors = shrink_blocks(before.references, references);
    let other_factors = shrink_blocks(others, references);
    let other_sums = times_blocks(other_blocks(before.sums, place), other_factors);
    state.references = references;
    state.sums = add_blocks(times_blocks(before.sums, own_factors), other_sums);
    state.o = merged_outputs(before.o, own_factors, other_factors, place);
    return state;
}
