// Keeps loads from storage behind the stores before them: NVIDIA's compiler has one counter for all loads in flight, so that a store
// of what came long ago would wait for a load that is issued before it.
fn part_loads() {
    order_lanes();
}
