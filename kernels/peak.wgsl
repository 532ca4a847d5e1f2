// Fused multiply-adds in independent chains and nothing else: the rate that benchmarks call the device's peak.
override WORKGROUP_SIZE: u32;

@group(0) @binding(10) var<storage, read_write> output: array<Elem4>;

// Four steps of the four chains of a lane. Written out, so that loops are nowhere in the way.
fn four_steps(chains: array<Elem4, 4>, factor: Elem4, addend: Elem4) -> array<Elem4, 4> {
    var a = chains[0];
    var b = chains[1];
    var c = chains[2];
    var d = chains[3];
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
    return array<Elem4, 4>(a, b, c, d);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) lane: vec3<u32>) {
    // Values that the compiler can't know, and under which no chain leaves the range of f16.
    let factor = Elem4(Elem(params.scale));
    let addend = Elem4(Elem(params.mask_filter_value));
    let start = Elem4(Elem(lane.x % 64u));
    var chains = array<Elem4, 4>(start, start + Elem(1), start + Elem(2), start + Elem(3));
    // 256 in each of keys_per_split rounds; the host counts on it.
    for (var round = 0u; round < params.keys_per_split; round++) {
        chains = four_steps(chains, factor, addend);
        chains = four_steps(chains, factor, addend);
        chains = four_steps(chains, factor, addend);
        chains = four_steps(chains, factor, addend);
    }
    output[lane.x] = chains[0] + chains[1] + chains[2] + chains[3];
}
