// The qk output: scaled, biased, masked scores before softmax. Apart from the attention lanes, so that they need not
// carry it. A workgroup computes a SIDE by SIDE square of scores from chunks of SIDE columns of Q and K.
const SIDE: u32 = 16u;
const SIDE4: u32 = SIDE / 4u;
// A row of the squares in workgroup memory: one vec4 of padding keeps a column off a single memory bank.
const PITCH4: u32 = SIDE4 + 1u;

@group(0) @binding(10) var<storage, read_write> output: array<QkElem>;

var<workgroup> queries: array<vec4<f32>, SIDE * PITCH4>;
var<workgroup> keys: array<vec4<f32>, SIDE * PITCH4>;

@compute @workgroup_size(SIDE, SIDE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let key_tiles = (params.end.w - params.origin.w + SIDE - 1u) / SIDE;
    let s0 = params.origin.z + workgroup.x / key_tiles * SIDE;
    let t0 = params.origin.w + workgroup.x % key_tiles * SIDE;
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z;
    let s = s0 + local.y;
    let t = t0 + local.x;

    // The first SIDE · SIDE4 lanes load queries, the next keys.
    let load = local_index % (SIDE * SIDE4);
    let load_row = load / SIDE4;
    let load_column = load % SIDE4;

    var sum = 0.0;
    for (var h0 = 0u; h0 < params.head_size; h0 += SIDE) {
        let h = h0 + load_column * 4u;
        var x = vec4<f32>();
        workgroupBarrier();
        if local_index < SIDE * SIDE4 {
            if s0 + load_row < params.end.z && h < params.head_size {
                x = source_query4(b, n, s0 + load_row, h);
            }
            queries[load_row * PITCH4 + load_column] = x;
        } else if local_index < 2u * SIDE * SIDE4 {
            if t0 + load_row < params.end.w && h < params.head_size && is_held(b, t0 + load_row) {
                x = source_key4(b, n, t0 + load_row, h);
            }
            keys[load_row * PITCH4 + load_column] = x;
        }
        workgroupBarrier();
        for (var i = 0u; i < SIDE4; i++) {
            sum += dot(queries[local.y * PITCH4 + i], keys[local.x * PITCH4 + i]);
        }
    }
    if s < params.end.z && t < params.end.w && is_held(b, t) {
        output[element(params.output, b, n, s) + t] = QkElem(masked_score(sum * params.scale, b, n, s, t));
    }
}
