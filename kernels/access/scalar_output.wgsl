// The output, one column at a time; columns past the row's end are left alone.
@group(0) @binding(10) var<storage, read_write> output: array<Elem>;

fn store_output4(index: u32, columns: u32, x: vec4<f32>) {
    output[index] = Elem(x.x);
    if columns > 1u {
        output[index + 1u] = Elem(x.y);
    }
    if columns > 2u {
        output[index + 2u] = Elem(x.z);
    }
    if columns > 3u {
        output[index + 3u] = Elem(x.w);
    }
}
