// What a workgroup answers: a tile of rows of a head, and which slice of the batch and of the key splits.
struct TilePlace {
    row_tile: u32,
    head: u32,
    slice: u32,
}

// Workgroups start in order of x, then y, then z, which number row tiles, heads and slices. Where later tiles see more keys
// the longest of all heads go first, so that what runs last is short.
fn place_of(workgroup: vec3<u32>, tiles: u32, longest_first: bool) -> TilePlace {
    if !longest_first {
        return TilePlace(workgroup.x, workgroup.y, workgroup.z);
    }
    let heads = params.end.y - params.origin.y;
    let others = heads * (params.end.x - params.origin.x) * params.splits;
    let i = (workgroup.z * heads + workgroup.y) * tiles + workgroup.x;
    return TilePlace(tiles - 1u - i / others, i % others % heads, i % others / heads);
}
