// Loads, arithmetic and stores of a lane's part of a row: part i holds the columns of vec4 i · LANES + lane.
override PARTIAL: bool;

const COLUMNS4: u32 = LANES * SLICE4;
// How far a score may pass the reference before the row is scaled down. Weights then stay below 2^8 and sums are as
// accurate, while the test almost never holds after a row's first keys.
const SLACK: f32 = 5.5;

fn query_part(b: u32, n: u32, s: u32, part: u32, lane: u32) -> vec4<f32> {
    let h = (part * LANES + lane) * 4u;
    if h < params.head_size {
        return source_query4(b, n, s, h);
    }
    return vec4<f32>();
}

fn add_dot(sum: f32, a: vec4<f32>, b: vec4<f32>) -> f32 {
    return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

fn add_dots(s: vec4<f32>, q: vec4<f32>, k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(add_dot(s.x, q, k0), add_dot(s.y, q, k1), add_dot(s.z, q, k2), add_dot(s.w, q, k3));
}

fn add_weighted(o: vec4<f32>, w: vec4<f32>, v0: vec4<f32>, v1: vec4<f32>, v2: vec4<f32>, v3: vec4<f32>) -> vec4<f32> {
    return fma(vec4<f32>(w.w), v3, fma(vec4<f32>(w.z), v2, fma(vec4<f32>(w.y), v1, fma(vec4<f32>(w.x), v0, o))));
}
