// The output, four columns by one access.
@group(0) @binding(10) var<storage, read_write> output: array<Elem4>;

fn store_output4(index: u32, columns: u32, x: vec4<f32>) {
    output[index / 4u] = Elem4(x);
}
