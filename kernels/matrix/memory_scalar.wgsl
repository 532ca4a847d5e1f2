// Workgroup memory in single numbers: what naga's Metal output can load matrices from.
const UNIT: u32 = 1u;
alias Score = f32;
alias Half = f16;

fn get_scores(at: u32) -> vec4<f32> {
    return vec4<f32>(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]);
}

fn put_scores(at: u32, x: vec4<f32>) {
    scores[at] = x.x;
    scores[at + 1u] = x.y;
    scores[at + 2u] = x.z;
    scores[at + 3u] = x.w;
}

fn get_keys(at: u32) -> vec4<f16> {
    return vec4<f16>(keys[at], keys[at + 1u], keys[at + 2u], keys[at + 3u]);
}

fn put_keys(at: u32, x: vec4<f16>) {
    keys[at] = x.x;
    keys[at + 1u] = x.y;
    keys[at + 2u] = x.z;
    keys[at + 3u] = x.w;
}

fn put_values(at: u32, x: vec4<f16>) {
    values[at] = x.x;
    values[at + 1u] = x.y;
    values[at + 2u] = x.z;
    values[at + 3u] = x.w;
}
