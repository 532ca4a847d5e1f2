// The kernel that the original report found slow, for comparison only: one query row a lane, 64 lanes, 16 keys a step whose
// columns go from lane to lane by subgroup shuffles, arithmetic in the tensors' own type, O normalised at every step.
// Plain problems with subgroups of 16 or more.
override WORKGROUP_SIZE: u32;

const STEP: u32 = 16u;
const SLICE4: u32 = HEAD_SIZE / 4u;

var<workgroup> key_tile: array<array<Elem4, SLICE4>, STEP>;
var<workgroup> value_tile: array<array<Elem4, SLICE4>, STEP>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
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
        for (var i = 0u; i < SLICE4; i++) {
            let own = key_tile[subgroup_lane % STEP][i];
            qk[0] += dot(q[i], subgroupShuffle(own, 0u));
            qk[1] += dot(q[i], subgroupShuffle(own, 1u));
            qk[2] += dot(q[i], subgroupShuffle(own, 2u));
            qk[3] += dot(q[i], subgroupShuffle(own, 3u));
            qk[4] += dot(q[i], subgroupShuffle(own, 4u));
            qk[5] += dot(q[i], subgroupShuffle(own, 5u));
            qk[6] += dot(q[i], subgroupShuffle(own, 6u));
            qk[7] += dot(q[i], subgroupShuffle(own, 7u));
            qk[8] += dot(q[i], subgroupShuffle(own, 8u));
            qk[9] += dot(q[i], subgroupShuffle(own, 9u));
            qk[10] += dot(q[i], subgroupShuffle(own, 10u));
            qk[11] += dot(q[i], subgroupShuffle(own, 11u));
            qk[12] += dot(q[i], subgroupShuffle(own, 12u));
            qk[13] += dot(q[i], subgroupShuffle(own, 13u));
            qk[14] += dot(q[i], subgroupShuffle(own, 14u));
            qk[15] += dot(q[i], subgroupShuffle(own, 15u));
        }

        var new_max = previous_max;
        for (var j = 0u; j < STEP; j++) {
            qk[j] = select(Elem(-65504.0), qk[j], t0 + j < params.end.w);
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
            let own = value_tile[subgroup_lane % STEP][i];
            var x = o[i] * (carried / total);
            x += subgroupShuffle(own, 0u) * (qk[0] / total);
            x += subgroupShuffle(own, 1u) * (qk[1] / total);
            x += subgroupShuffle(own, 2u) * (qk[2] / total);
            x += subgroupShuffle(own, 3u) * (qk[3] / total);
            x += subgroupShuffle(own, 4u) * (qk[4] / total);
            x += subgroupShuffle(own, 5u) * (qk[5] / total);
            x += subgroupShuffle(own, 6u) * (qk[6] / total);
            x += subgroupShuffle(own, 7u) * (qk[7] / total);
            x += subgroupShuffle(own, 8u) * (qk[8] / total);
            x += subgroupShuffle(own, 9u) * (qk[9] / total);
            x += subgroupShuffle(own, 10u) * (qk[10] / total);
            x += subgroupShuffle(own, 11u) * (qk[11] / total);
            x += subgroupShuffle(own, 12u) * (qk[12] / total);
            x += subgroupShuffle(own, 13u) * (qk[13] / total);
            x += subgroupShuffle(own, 14u) * (qk[14] / total);
            x += subgroupShuffle(own, 15u) * (qk[15] / total);
            o[i] = x;
        }
    }

    if s < params.end.z {
        for (var i = 0u; i < SLICE4; i++) {
            output[(element(params.output, b, n, s) + 4u * i) / 4u] = o[i];
        }
    }
}
