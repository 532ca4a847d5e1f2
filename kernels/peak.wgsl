// Fused multiply-adds in independent chains and nothing else: the rate that benchmarks call the device's peak.
override WORKGROUP_SIZE: u32;

@group(0) @binding(10) var<storage, read_write> output: array<Elem4>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) lane: vec3<u32>) {
    // Values that the compiler can't know, and under which no chain leaves the range of f16.
    let factor = Elem4(Elem(params.scale));
    let addend = Elem4(Elem(params.mask_filter_value));
    let start = Elem(lane.x % 64u);
    var a = Elem4(start);
    var b = Elem4(start + Elem(1));
    var c = Elem4(start + Elem(2));
    var d = Elem4(start + Elem(3));
    // 64 of them in each of keys_per_split rounds; the host counts on it.
    for (var round = 0u; round < params.keys_per_split; round++) {
        a = fma(a, factor, addend);
        b = fma(b, factor, addend);
        c = fma(c, factor, addend);
        d = fma(d, factor, addend);
        a = fma(a, factor, addend);
        b = fma(b, factor, addend);
        c = fma(c, factor, addend);
        d = fma(d, factor, addend);
        a = fma(a, factor, addend);
        b = fma(b, factor, addend);
        c = fma(c, factor, addend);
        d = fma(d, factor, addend);
        a = fma(a, factor, addend);
        b = fma(b, factor, addend);
        c = fma(c, factor, addend);
        d = fma(d, factor, addend);
    }
    output[lane.x] = a + b + c + d;
}
