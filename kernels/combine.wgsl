// Merges the key splits of each row: weights every split by its maximum, sums, divides once. A lane takes four columns of
// every PARTS-th split, so that many reads are under way at once; the parts meet in workgroup memory.
override WORKGROUP_SIZE: u32;
// Lanes that share the splits of a column. Divides WORKGROUP_SIZE.
override PARTS: u32;
// Whether the lane that wrote the partial results kept its scores in units of log2.
override LOG2_SCORES: bool;

@group(0) @binding(10) var<storage, read_write> output: array<Elem>;
@group(0) @binding(11) var<storage, read> partial_values: array<vec4<f32>>;
@group(0) @binding(12) var<storage, read> partial_stats: array<vec2<f32>>;

// Of each lane: maximum and sum, then columns.
var<workgroup> part_stats: array<vec2<f32>, WORKGROUP_SIZE>;
var<workgroup> part_values: array<vec4<f32>, WORKGROUP_SIZE>;

fn weight(difference: f32) -> f32 {
    if LOG2_SCORES {
        return exp2(difference);
    }
    return exp2(difference * LOG2_E);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let items = WORKGROUP_SIZE / PARTS;
    let columns4 = (params.v_head_size + 3u) / 4u;
    let item = workgroup.x * items + lane % items;
    let s = params.origin.z + item / columns4;
    let column = item % columns4;
    let n = params.origin.y + workgroup.y;
    let b = params.origin.x + workgroup.z;
    let exists = s < params.end.z;

    var row_max = LOWEST;
    var sum = 0.0;
    var o = vec4<f32>();
    if exists {
        let rows = partial_rows();
        let row = partial_row(b, n, s);
        for (var split = lane / items; split < params.splits; split += PARTS) {
            let stats = partial_stats[split * rows + row];
            let values = partial_values[(split * rows + row) * columns4 + column];
            let after = max(row_max, stats.x);
            let shrink = weight(row_max - after);
            let w = weight(stats.x - after);
            sum = sum * shrink + stats.y * w;
            o = o * shrink + values * w;
            row_max = after;
        }
    }
    if PARTS > 1u {
        part_stats[lane] = vec2<f32>(row_max, sum);
        part_values[lane] = o;
        workgroupBarrier();
        if lane >= items {
            return;
        }
        for (var part = 1u; part < PARTS; part++) {
            row_max = max(row_max, part_stats[part * items + lane].x);
        }
        sum = 0.0;
        o = vec4<f32>();
        for (var part = 0u; part < PARTS; part++) {
            let stats = part_stats[part * items + lane];
            let w = weight(stats.x - row_max);
            sum += stats.y * w;
            o += part_values[part * items + lane] * w;
        }
    }
    if !exists {
        return;
    }
    let h = column * 4u;
    let at = element(params.output, b, n, s) + h;
    let columns = params.v_head_size - h;
    let x = o / sum;
    output[at] = Elem(x.x);
    if columns > 1u {
        output[at + 1u] = Elem(x.y);
    }
    if columns > 2u {
        output[at + 2u] = Elem(x.z);
    }
    if columns > 3u {
        output[at + 3u] = Elem(x.w);
    }
}
