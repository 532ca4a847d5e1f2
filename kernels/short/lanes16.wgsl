// A group of sixteen lanes: right at every subgroup size from 16 on.
const LANES: u32 = 16u;

// Sums over the group's quads, lane by lane.
fn sum_over_quads(x: f32) -> f32 {
    let y = x + subgroupShuffleXor(x, 4u);
    return y + subgroupShuffleXor(y, 8u);
}
