// NVIDIA's compiler has one counter for all loads in flight, and moves these before the stores that come first, which wait for loads of
// the tile before: they would wait for these too. It moves none across a barrier.
fn hold_loads() {
    order_lanes();
}
