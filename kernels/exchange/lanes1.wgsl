// A row group of one lane: it owns every score of its rows, and needs no subgroup operation.
const LANES: u32 = 1u;
alias Owned = vec4<f32>;

// The rotated order: which key of a block component j of a lane's vec4 stands for.
fn rotated(j: u32, lane: u32) -> u32 {
    return j;
}

fn scatter_rotated(s: vec4<f32>) -> Owned {
    return s;
}

fn gather_rotated(p: Owned) -> vec4<f32> {
    return p;
}

fn owned_max(x: Owned) -> f32 {
    return max(max(x.x, x.y), max(x.z, x.w));
}

fn owned_sum(x: Owned) -> f32 {
    return (x.x + x.y) + (x.z + x.w);
}

fn group_max(x: f32) -> f32 {
    return x;
}

fn group_sum(x: f32) -> f32 {
    return x;
}

// A lane decides for itself.
fn any_lane(x: bool) -> bool {
    return x;
}

fn owned_weight(x: Owned, row_max: f32) -> Owned {
    return vec4<f32>(weight(x.x - row_max), weight(x.y - row_max), weight(x.z - row_max), weight(x.w - row_max));
}

// Scores of the owned keys of the block that begins at key t; keys past `last` read the terms of `last`.
fn owned_masked(x: Owned, b: u32, n: u32, s: u32, t: u32, lane: u32, last: u32) -> Owned {
    return vec4<f32>(
        masked_score(x.x, b, n, s, min(t, last)),
        masked_score(x.y, b, n, s, min(t + 1u, last)),
        masked_score(x.z, b, n, s, min(t + 2u, last)),
        masked_score(x.w, b, n, s, min(t + 3u, last)),
    );
}

// `inside` for owned keys below `end`, else `outside`; t is the block's first key.
fn owned_below(end: u32, t: u32, lane: u32, inside: Owned, outside: f32) -> Owned {
    return select(vec4<f32>(outside), inside, vec4<u32>(t, t + 1u, t + 2u, t + 3u) < vec4<u32>(end));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local_index: u32) {
    attend(workgroup, local_index, local_index, 0u);
}
