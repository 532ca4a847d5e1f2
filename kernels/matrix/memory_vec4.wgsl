// Workgroup memory in vectors of four, so that matrices and lanes move whole vectors. `at` is a multiple of 4.
const UNIT: u32 = 4u;
alias Score = vec4<f32>;
alias Half = vec4<f16>;

fn get_scores(at: u32) -> vec4<f32> {
    return scores[at / 4u];
}

fn put_scores(at: u32, x: vec4<f32>) {
    scores[at / 4u] = x;
}

fn get_keys(at: u32) -> vec4<f16> {
    return keys[at / 4u];
}

fn put_keys(at: u32, x: vec4<f16>) {
    keys[at / 4u] = x;
}

fn put_values(at: u32, x: vec4<f16>) {
    values[at / 4u] = x;
}
