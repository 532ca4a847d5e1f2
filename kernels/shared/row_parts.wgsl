// Loads of a lane's part of a row: part i holds the columns of vec4 i · LANES + lane.
override PARTIAL: bool;

const COLUMNS4: u32 = LANES * SLICE4;
// How far a score may pass the reference before the row is scaled down. Weights then stay below 2^8 and sums are as
// accurate, while the test almost never holds after a row's first keys.
const SLACK: f32 = 5.5;

// The column h of a row of `size` columns, or the last multiple of 4 before its end: what a load takes that runs whether or
// not its column exists. A load under a branch is waited for there, one after the other.
fn existing_column(h: u32, size: u32) -> u32 {
    return min(h, (size - 1u) / 4u * 4u);
}

fn query_part(b: u32, n: u32, s: u32, part: u32, lane: u32) -> vec4<f32> {
    let h = (part * LANES + lane) * 4u;
    let x = source_query4(b, n, s, existing_column(h, params.head_size));
    return select(vec4<f32>(), x, h < params.head_size);
}
