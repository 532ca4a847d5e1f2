// The kernel that the original report proposed, for comparison only: one query row a lane, keys read from workgroup memory
// in a loop, as many keys a step as fit 16 KiB, 32 at most, arithmetic in the tensors' own type, O normalised at every step.
// Plain problems.
override WORKGROUP_SIZE: u32;

const SLICE4: u32 = HEAD_SIZE / 4u;

var<workgroup> key_tile: array<array<Elem4, SLICE4>, STEP>;
var<workgroup> value_tile: array<array<Elem4, SLICE4>, STEP>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local_index: u32) {
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z;
    let s = params.origin.z + workgroup.x * WORKGROUP_SIZE + local_index;
    let factor = Elem(params.scale);

    var q: array<Elem4, SLICE4>;
    var o: array<Elem4, SLICE4>;
    for (var i = 0u; i < SLICE4; i++) {
        if s < params.end.z {
            q[i] = query[(element(params.query, b, n, s) + 4u * i) / 4u] * factor;
        }
    }
    var previous_max = Elem(-65504.0);
    var previous_sum = Elem(0.0);

    for (var t0 = params.origin.w; t0 < params.end.w; t0 += STEP) {
        workgroupBarrier();
        for (var i = local_index; i < STEP * SLICE4; i += WORKGROUP_SIZE) {
            let t = t0 + i / SLICE4;
            var k = Elem4();
            var v = Elem4();
            if t < params.end.w {
                k = key[(element(params.key, b, n, t) + 4u * (i % SLICE4)) / 4u];
                v = value[(element(params.value, b, n, t) + 4u * (i % SLICE4)) / 4u];
            }
            key_tile[i / SLICE4][i % SLICE4] = k;
            value_tile[i / SLICE4][i % SLICE4] = v;
        }
        workgroupBarrier();

        var qk: array<Elem, STEP>;
        var new_max = previous_max;
        for (var j = 0u; j < STEP; j++) {
            var x = Elem(0.0);
            for (var i = 0u; i < SLICE4; i++) {
                x += dot(q[i], key_tile[j][i]);
            }
            qk[j] = select(Elem(-65504.0), x, t0 + j < params.end.w);
            new_max = max(new_max, qk[j]);
        }
        var sum = Elem(0.0);
        for (var j = 0u; j < STEP; j++) {
            qk[j] = select(Elem(0.0), exp(qk[j] - new_max), t0 + j < params.end.w);
            sum += qk[j];
        }
        let carried = previous_sum * exp(previous_max - new_max);
        let total = carried + sum;
        previous_max = new_max;
        previous_sum = total;
        for (var i = 0u; i < SLICE4; i++) {
            o[i] *= carried / total;
        }
        for (var j = 0u; j < STEP; j++) {
            let w = qk[j] / total;
            for (var i = 0u; i < SLICE4; i++) {
                o[i] += value_tile[j][i] * w;
            }
        }
    }

    if s < params.end.z {
        for (var i = 0u; i < SLICE4; i++) {
            output[(element(params.output, b, n, s) + 4u * i) / 4u] = o[i];
        }
    }
}
