// A group of thirty-two lanes: right at every subgroup size from 32 on.
const LANES: u32 = 32u;

// Sums over the group's quads, lane by lane.
fn sum_over_quads(x: f32) -> f32 {
    let y = x + subgroupShuffleXor(x, 4u);
    let z = y + subgroupShuffleXor(y, 8u);
    return z + subgroupShuffleXor(z, 16u);
}
