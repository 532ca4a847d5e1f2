// Keys and values of the whole problem, t in [0, T): the past first, then the new entries with their bias.
override PAST: bool;
override KV_BIAS: bool;

// Columns h to h + 3 of key t; h is a multiple of 4 below head_size.
fn source_key4(b: u32, n: u32, t: u32, h: u32) -> vec4<f32> {
    let columns = params.head_size - h;
    if PAST && t < params.past_len {
        return past_key4(element(params.past_key, past_batch(b, t), n, t) + h, columns);
    }
    var x = key4(element(params.key, b, n, t - params.past_len) + h, columns);
    if KV_BIAS {
        x += bias4(params.key_bias_offset + n * params.head_size + h, columns);
    }
    return x;
}

// Columns h to h + 3 of value t; h is a multiple of 4 below v_head_size.
fn source_value4(b: u32, n: u32, t: u32, h: u32) -> vec4<f32> {
    let columns = params.v_head_size - h;
    if PAST && t < params.past_len {
        return past_value4(element(params.past_value, past_batch(b, t), n, t) + h, columns);
    }
    var x = value4(element(params.value, b, n, t - params.past_len) + h, columns);
    if KV_BIAS {
        x += bias4(params.value_bias_offset + n * params.v_head_size + h, columns);
    }
    return x;
}
