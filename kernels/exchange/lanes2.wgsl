// A row group of two lanes: right at every subgroup size. Of each block of four keys, lane i owns the scores of keys i and
// i + 2.
const LANES: u32 = 2u;
alias Owned = vec2<f32>;

// The rotated order: which key of a block component j of a lane's vec4 stands for. Each lane then owns its components 0
// and 2, and the exchange needs no selection.
fn rotated(j: u32, lane: u32) -> u32 {
    return j ^ lane;
}

fn scatter_rotated(s: vec4<f32>) -> Owned {
    return s.xz + subgroupShuffleXor(s.yw, 1u);
}

fn gather_rotated(p: Owned) -> vec4<f32> {
    let other = quadSwapX(p);
    return vec4<f32>(p.x, other.x, p.y, other.y);
}

fn owned_max(x: Owned) -> f32 {
    return max(x.x, x.y);
}

fn owned_sum(x: Owned) -> f32 {
    return x.x + x.y;
}

fn group_max(x: f32) -> f32 {
    return max(x, quadSwapX(x));
}

fn group_sum(x: f32) -> f32 {
    return x + quadSwapX(x);
}

// Lanes that exchange scores decide together.
fn any_lane(x: bool) -> bool {
    return subgroupAny(x);
}

fn owned_weight(x: Owned, row_max: f32) -> Owned {
    return vec2<f32>(weight(x.x - row_max), weight(x.y - row_max));
}

// Scores of the owned keys of the block that begins at key t; keys past `last` read the terms of `last`.
fn owned_masked(x: Owned, b: u32, n: u32, s: u32, t: u32, lane: u32, last: u32) -> Owned {
    return vec2<f32>(
        masked_score(x.x, b, n, s, min(t + lane, last)),
        masked_score(x.y, b, n, s, min(t + lane + 2u, last)),
    );
}

// `inside` for owned keys below `end`, else `outside`; t is the block's first key.
fn owned_below(end: u32, t: u32, lane: u32, inside: Owned, outside: f32) -> Owned {
    return select(vec2<f32>(outside), inside, vec2<u32>(t + lane, t + lane + 2u) < vec2<u32>(end));
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
