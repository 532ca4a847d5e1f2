// Left operands from sums, each number in two parts.
// Small weights of a row whose largest are e^5 lose nothing that shows.
const HEADROOM: f32 = 5.0;

// By bits, since compilers take a conversion to float16 and back for none.
fn high_of(x: f32) -> f16 {
    return f16(bitcast<f32>(bitcast<u32>(x) & 0xffffe000u));
}

fn low_of(x: f32) -> f16 {
    return f16(x - bitcast<f32>(bitcast<u32>(x) & 0xffffe000u));
}

fn each_high_of(x: SumMatrix) -> LeftMatrix {
    return LeftMatrix() * high_of(0.0);
}

fn each_low_of(x: SumMatrix) -> LeftMatrix {
    return LeftMatrix() * low_of(0.0);
}

fn left_of(x: SumMatrix) -> Left {
    return Left(each_high_of(x), each_low_of(x));
}

fn put_query4(at: u32, x: vec4<f32>) {
    let spread = in_range(x * SPREAD);
    let high = high_part(spread);
    put_keys(at, vec4<f16>(high));
    put_keys(at + HELD_KEYS * TILE_ROW, vec4<f16>(spread - high));
}

fn query_matrix(at: u32) -> Left {
    return Left(
        coopLoadT<LeftMatrix>(&keys[at / UNIT], SIDE / UNIT),
        coopLoadT<LeftMatrix>(&keys[(at + HELD_KEYS * TILE_ROW) / UNIT], SIDE / UNIT),
    );
}
