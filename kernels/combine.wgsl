// Merges the key splits of each row: weights every split by its maximum, sums, divides once. A lane takes four columns.
override WORKGROUP_SIZE: u32;
// Whether the lane that wrote the partial results kept its scores in units of log2.
override LOG2_SCORES: bool;

@group(0) @binding(10) var<storage, read_write> output: array<Elem>;
@group(0) @binding(11) var<storage, read> partial_values: array<f32>;
@group(0) @binding(12) var<storage, read> partial_stats: array<vec2<f32>>;

fn weight(difference: f32) -> f32 {
    if LOG2_SCORES {
        return exp2(difference);
    }
    return exp2(difference * LOG2_E);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let columns4 = (params.v_head_size + 3u) / 4u;
    let item = workgroup.x * WORKGROUP_SIZE + lane;
    let s = params.origin.z + item / columns4;
    let h = item % columns4 * 4u;
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z;
    if s >= params.end.z {
        return;
    }

    let rows = partial_rows();
    let row = partial_row(b, n, s);
    var row_max = LOWEST;
    for (var split = 0u; split < params.splits; split++) {
        row_max = max(row_max, partial_stats[split * rows + row].x);
    }
    var sum = 0.0;
    var o = vec4<f32>();
    let columns = params.v_head_size - h;
    for (var split = 0u; split < params.splits; split++) {
        let stats = partial_stats[split * rows + row];
        let w = weight(stats.x - row_max);
        let at = (split * rows + row) * params.v_head_size + h;
        sum += w * stats.y;
        o.x += w * partial_values[at];
        if columns > 1u {
            o.y += w * partial_values[at + 1u];
        }
        if columns > 2u {
            o.z += w * partial_values[at + 2u];
        }
        if columns > 3u {
            o.w += w * partial_values[at + 3u];
        }
    }
    let at = element(params.output, b, n, s) + h;
    output[at] = Elem(o.x / sum);
    if columns > 1u {
        output[at + 1u] = Elem(o.y / sum);
    }
    if columns > 2u {
        output[at + 2u] = Elem(o.z / sum);
    }
    if columns > 3u {
        output[at + 3u] = Elem(o.w / sum);
    }
}
