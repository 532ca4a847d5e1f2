// Makes an operand of a sum element by element and multiplies it by the identity: what comes out is what stood in the places of
// the sum that the operand's elements have. Elements are numbers below 256, which float16 holds.
var<workgroup> sum: array<f32, SIDE * SIDE>;
var<workgroup> identity: array<f16, SIDE * SIDE>;

@group(0) @binding(10) var<storage, read_write> output: array<f32>;

fn same(x: f32) -> f16 {
    return f16(x);
}

fn each_same(x: SumMatrix) -> LeftMatrix {
    return LeftMatrix() * same(0.0);
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) local_index: u32) {
    for (var i = local_index; i < SIDE * SIDE; i += LANES) {
        sum[i] = f32(i);
        identity[i] = f16(select(0.0, 1.0, i / SIDE == i % SIDE));
    }
    workgroupBarrier();
    let operand = each_same(coopLoadT<SumMatrix>(&sum[0], SIDE));
    let product = coopMultiplyAdd(operand, coopLoadT<RightMatrix>(&identity[0], SIDE), SumMatrix());
    workgroupBarrier();
    coopStoreT(product, &sum[0], SIDE);
    workgroupBarrier();
    for (var i = local_index; i < SIDE * SIDE; i += LANES) {
        output[i] = sum[i];
    }
}
