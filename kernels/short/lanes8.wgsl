// A group of eight lanes: right at every subgroup size from 8 on.
const LANES: u32 = 8u;

// Sums over the group's quads, lane by lane.
fn sum_over_quads(x: f32) -> f32 {
    return x + subgroupShuffleXor(x, 4u);
}
