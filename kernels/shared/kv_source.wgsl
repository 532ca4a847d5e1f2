// Keys and values of the whole problem, t in [0, T): the past first, then the new entries with their bias.
override PAST: bool;
override KV_BIAS: bool;

// Columns h to h + 3 of key t as stored, without its bias; h is a multiple of 4 below head_size.
fn stored_key4(b: u32, n: u32, t: u32, h: u32) -> Elem4 {
    let columns = params.head_size - h;
    if PAST && t < params.past_len {
        return past_key4(element(params.past_key, past_batch(b, t), n, t) + h, columns);
    }
    return key4(element(params.key, b, n, t - params.past_len) + h, columns);
}

// Columns h to h + 3 of value t as stored, without its bias; h is a multiple of 4 below v_head_size.
fn stored_value4(b: u32, n: u32, t: u32, h: u32) -> Elem4 {
    let columns = params.v_head_size - h;
    if PAST && t < params.past_len {
        return past_value4(element(params.past_value, past_batch(b, t), n, t) + h, columns);
    }
    return value4(element(params.value, b, n, t - params.past_len) + h, columns);
}

// New keys and values have a bias, past ones do not.
fn with_key_bias(x: vec4<f32>, n: u32, t: u32, h: u32) -> vec4<f32> {
    if KV_BIAS && t >= params.past_len {
        return x + bias4(params.key_bias_offset + n * params.head_size + h, params.head_size - h);
    }
    return x;
}

fn with_value_bias(x: vec4<f32>, n: u32, t: u32, h: u32) -> vec4<f32> {
    if KV_BIAS && t >= params.past_len {
        return x + bias4(params.value_bias_offset + n * params.v_head_size + h, params.v_head_size - h);
    }
    return x;
}

fn source_key4(b: u32, n: u32, t: u32, h: u32) -> vec4<f32> {
    return with_key_bias(vec4<f32>(stored_key4(b, n, t, h)), n, t, h);
}

fn source_value4(b: u32, n: u32, t: u32, h: u32) -> vec4<f32> {
    return with_value_bias(vec4<f32>(stored_value4(b, n, t, h)), n, t, h);
}
