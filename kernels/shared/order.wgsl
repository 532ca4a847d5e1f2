// What a workgroup answers: a tile of rows of a head, by one of the key splits.
struct TilePlace {
    row_tile: u32,
    head: u32,
    batch_row: u32,
    split: u32,
}

// Where later tiles of rows see more keys: whether the longest go first.
override LONGEST_FIRST: bool;

// Workgroups start in order of x, then y, then z, which number row tiles, heads, and batch rows of one key split after the other: what
// runs last is of the last split, which has the fewest keys. With LONGEST_FIRST the longest of all heads and splits go first, for the
// same end.
fn place_of(workgroup: vec3<u32>, tiles: u32) -> TilePlace {
    let batch_rows = params.end.x - params.origin.x;
    if !LONGEST_FIRST {
        return tile_place(workgroup.x, workgroup.y, workgroup.z, batch_rows);
    }
    let heads = params.end.y - params.origin.y;
    let others = heads * batch_rows * params.splits;
    let i = (workgroup.z * heads + workgroup.y) * tiles + workgroup.x;
    return tile_place(tiles - 1u - i / others, i % others % heads, i % others / heads, batch_rows);
}

fn tile_place(row_tile: u32, head: u32, slice: u32, batch_rows: u32) -> TilePlace {
    return TilePlace(row_tile, params.origin.y + head, params.origin.x + slice % batch_rows, slice / batch_rows);
}
