// Queries with their bias, not scaled.
override QUERY_BIAS: bool;

// Columns h to h + 3 of query row s; h is a multiple of 4 below head_size.
fn source_query4(b: u32, n: u32, s: u32, h: u32) -> vec4<f32> {
    let columns = params.head_size - h;
    var x = query4(element(params.query, b, n, s) + h, columns);
    if QUERY_BIAS {
        x += bias4(params.query_bias_offset + n * params.head_size + h, columns);
    }
    return x;
}
