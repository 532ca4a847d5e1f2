// A row group of two lanes: right at every subgroup size from 2 on. Of each block of four keys, lane 0 owns the scores of
// keys 0 and 1, lane 1 those of keys 2 and 3.
const LANES: u32 = 2u;
alias Owned = vec2<f32>;

// The rotated order: which key of a block component j of a lane's vec4 stands for. Each lane then owns its components 0
// and 1, and the exchange needs no selection.
fn rotated(j: u32, lane: u32) -> u32 {
    return j ^ (lane * 2u);
}

fn scatter_rotated(s: vec4<f32>) -> Owned {
    return s.xy + subgroupShuffleXor(s.zw, 1u);
}

fn gather_rotated(p: Owned) -> vec4<f32> {
    return vec4<f32>(p, subgroupShuffleXor(p, 1u));
}

fn owned_max(x: Owned) -> f32 {
    return max(x.x, x.y);
}

fn owned_sum(x: Owned) -> f32 {
    return x.x + x.y;
}

fn group_max(x: f32) -> f32 {
    return max(x, subgroupShuffleXor(x, 1u));
}

fn group_sum(x: f32) -> f32 {
    return x + subgroupShuffleXor(x, 1u);
}

// Lanes that exchange scores decide together.
fn any_lane(x: bool) -> bool {
    return subgroupAny(x);
}

fn owned_weight(x: Owned, reference: f32) -> Owned {
    return vec2<f32>(weight(x.x - reference), weight(x.y - reference));
}

// Scores of the owned keys of the block that begins at key t; keys past `last` read the terms of `last`.
fn owned_masked(x: Owned, b: u32, n: u32, s: u32, t: u32, lane: u32, last: u32) -> Owned {
    let first = t + lane * 2u;
    return vec2<f32>(
        masked_score(x.x, b, n, s, min(first, last)),
        masked_score(x.y, b, n, s, min(first + 1u, last)),
    );
}

// `inside` for owned keys below `end`, else `outside`; t is the block's first key.
fn owned_below(end: u32, t: u32, lane: u32, inside: Owned, outside: f32) -> Owned {
    let first = t + lane * 2u;
    return select(vec2<f32>(outside), inside, vec2<u32>(first, first + 1u) < vec2<u32>(end));
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
    attend(workgroup, local_index, (subgroup * subgroup_size + subgroup_lane) / LANES, subgroup_lane % LANES);
}
