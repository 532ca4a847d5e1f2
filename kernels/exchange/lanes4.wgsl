// A row group of four lanes, a quad of a subgroup: right at every subgroup size from 4 on. Of each block of four keys,
// lane i owns the score of key i.
const LANES: u32 = 4u;
alias Owned = f32;

// The rotated order: which key of a block component j of a lane's vec4 stands for. Each lane then owns its component 0,
// and the exchange needs no selection.
fn rotated(j: u32, lane: u32) -> u32 {
    return j ^ (lane & 3u);
}

fn scatter_rotated(s: vec4<f32>) -> Owned {
    let pair = s.xy + subgroupShuffleXor(s.zw, 2u * LANE_STEP);
    return pair.x + subgroupShuffleXor(pair.y, LANE_STEP);
}

fn gather_rotated(p: Owned) -> vec4<f32> {
    return vec4<f32>(p, swap1(p), swap2(p), swap3(p));
}

fn owned_max(x: Owned) -> f32 {
    return x;
}

fn owned_sum(x: Owned) -> f32 {
    return x;
}

fn group_max(x: f32) -> f32 {
    let y = max(x, swap1(x));
    return max(y, swap2(y));
}

fn group_sum(x: f32) -> f32 {
    let y = x + swap1(x);
    return y + swap2(y);
}

// Lanes that exchange scores decide together.
fn any_lane(x: bool) -> bool {
    return subgroupAny(x);
}

fn owned_weight(x: Owned, row_max: f32) -> Owned {
    return weight(x - row_max);
}

// Scores of the owned keys of the block that begins at key t; keys past `last` read the terms of `last`.
fn owned_masked(x: Owned, b: u32, n: u32, s: u32, t: u32, lane: u32, last: u32) -> Owned {
    return masked_score(x, b, n, s, min(t + lane, last));
}

// `inside` for owned keys below `end`, else `outside`; t is the block's first key.
fn owned_below(end: u32, t: u32, lane: u32, inside: Owned, outside: f32) -> Owned {
    return select(outside, inside, t + lane < end);
}

// Lanes are placed by their subgroup position, because nothing promises that it follows the local index.
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_size) subgroup_size: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
    attend(workgroup, local_index, group_at(subgroup * subgroup_size + subgroup_lane), lane_at(subgroup_lane));
}
