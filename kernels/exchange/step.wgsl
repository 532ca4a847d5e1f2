// Where the lanes of a row group lie in their subgroup: one behind the other, or LANE_STEP apart with those of other groups between
// them, which the planner decides. All groups read the same tiles, so that neighbours then read the same 16 bytes, which some GPUs
// fetch once for two of them.
override LANE_STEP: u32;

// The row group of the lane with number `i` in its workgroup or subgroup.
fn group_at(i: u32) -> u32 {
    return i / (LANES * LANE_STEP) * LANE_STEP + i % LANE_STEP;
}

// Which lane of its row group it is.
fn lane_at(i: u32) -> u32 {
    return i / LANE_STEP % LANES;
}

// What the lane of the group has whose number differs in the bits of 1, 2 and 3. Of lanes side by side, those four are a quad.
fn swap1(x: f32) -> f32 {
    if LANE_STEP == 1u {
        return quadSwapX(x);
    }
    return subgroupShuffleXor(x, LANE_STEP);
}

fn swap2(x: f32) -> f32 {
    if LANE_STEP == 1u {
        return quadSwapY(x);
    }
    return subgroupShuffleXor(x, 2u * LANE_STEP);
}

fn swap3(x: f32) -> f32 {
    if LANE_STEP == 1u {
        return quadSwapDiagonal(x);
    }
    return subgroupShuffleXor(x, 3u * LANE_STEP);
}
