// One present tensor: past entries, then new ones with their bias; in a shared buffer, past entries again after them.
// Keys and values take turns as `past_key` and `key` of the contract. A lane copies one element.
override WORKGROUP_SIZE: u32;
override PAST: bool;
override KV_BIAS: bool;

@group(0) @binding(2) var<storage, read> key: array<Elem>;
@group(0) @binding(4) var<storage, read> bias: array<Elem>;
@group(0) @binding(7) var<storage, read> past_key: array<Elem>;
@group(0) @binding(10) var<storage, read_write> output: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let item = workgroup.x * WORKGROUP_SIZE + lane;
    let t = params.origin.w + item / params.head_size;
    let h = item % params.head_size;
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z;
    if t >= params.end.w {
        return;
    }
    // origin.z and end.z: the range of entries that are new.
    let is_new = t >= params.origin.z && t < params.end.z;
    var x: Elem;
    if PAST && !is_new {
        x = past_key[element(params.past_key, b, n, t) + h];
    } else {
        let entry = key[element(params.key, b, n, t - params.past_len) + h];
        x = entry;
        if KV_BIAS {
            x = Elem(f32(entry) + f32(bias[params.key_bias_offset + n * params.head_size + h]));
        }
    }
    output[element(params.output, b, n, t) + h] = x;
}
