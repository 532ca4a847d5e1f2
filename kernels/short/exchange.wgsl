// Words on their way from one workgroup of a dispatch to another: results of key splits, to the last workgroup that has one. Barriers
// reach the own workgroup alone and atomic accesses order nothing but themselves, so that each word says whether it is there:
// 0 is none, and a number is stored as the complement of its bits. Who reads a word puts 0 back: between dispatches the buffer is all
// zeros, as it is when it is made.
@group(0) @binding(13) var<storage, read_write> exchange: array<atomic<u32>>;

// How often a word is looked for that is not there. It was stored before its workgroup was counted, so that it is on its way. Should it never come all the same, the result is NaN, where a loop without end would not return.
const LOOKS: u32 = 1u << 13u;

var<workgroup> arrivals: u32;

fn give(at: u32, x: f32) {
    let bits = bitcast<u32>(x);
    // The one NaN whose complement is 0 goes as another.
    atomicStore(&exchange[at], ~select(bits, 0x7fc00000u, bits == 0xffffffffu));
}

// Of a vec4, whose words lie `step` apart.
fn give4(at: u32, step: u32, x: vec4<f32>) {
    give(at, x.x);
    give(at + step, x.y);
    give(at + 2u * step, x.z);
    give(at + 3u * step, x.w);
}

// A word that may still be 0.
fn look(at: u32) -> u32 {
    return atomicLoad(&exchange[at]);
}

fn look4(at: u32, step: u32) -> vec4<u32> {
    return vec4<u32>(look(at), look(at + step), look(at + 2u * step), look(at + 3u * step));
}

// The number at `at`, where `seen` was, once it is there.
fn take(at: u32, seen: u32) -> f32 {
    var x = seen;
    for (var i = 0u; i < LOOKS && x == 0u; i++) {
        x = look(at);
    }
    atomicStore(&exchange[at], 0u);
    return bitcast<f32>(~x);
}

fn take4(at: u32, step: u32, seen: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(
        take(at, seen.x),
        take(at + step, seen.y),
        take(at + 2u * step, seen.z),
        take(at + 3u * step, seen.w),
    );
}

// Counts a workgroup all of whose lanes have given what they have, at the counter `at`. Whether it is the last of `all`.
fn arrives_last(at: u32, all: u32, local_index: u32) -> bool {
    workgroupBarrier();
    if local_index == 0u {
        arrivals = atomicAdd(&exchange[at], 1u) + 1u;
    }
    let is_last = workgroupUniformLoad(&arrivals) == all;
    if is_last && local_index == 0u {
        atomicStore(&exchange[at], 0u);
    }
    return is_last;
}
