// Four columns at a time by one access each, for head sizes or strides that are not multiples of 4.
// `columns` is how many columns remain in the row from the one at `index` on; columns past them read as 0.
@group(0) @binding(1) var<storage, read> query: array<Elem>;
@group(0) @binding(2) var<storage, read> key: array<Elem>;
@group(0) @binding(3) var<storage, read> value: array<Elem>;
@group(0) @binding(4) var<storage, read> bias: array<Elem>;
@group(0) @binding(7) var<storage, read> past_key: array<Elem>;
@group(0) @binding(8) var<storage, read> past_value: array<Elem>;

fn query4(index: u32, columns: u32) -> vec4<f32> {
    var x = vec4<f32>(f32(query[index]), 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = f32(query[index + 1u]);
    }
    if columns > 2u {
        x.z = f32(query[index + 2u]);
    }
    if columns > 3u {
        x.w = f32(query[index + 3u]);
    }
    return x;
}

fn key4(index: u32, columns: u32) -> vec4<f32> {
    var x = vec4<f32>(f32(key[index]), 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = f32(key[index + 1u]);
    }
    if columns > 2u {
        x.z = f32(key[index + 2u]);
    }
    if columns > 3u {
        x.w = f32(key[index + 3u]);
    }
    return x;
}

fn value4(index: u32, columns: u32) -> vec4<f32> {
    var x = vec4<f32>(f32(value[index]), 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = f32(value[index + 1u]);
    }
    if columns > 2u {
        x.z = f32(value[index + 2u]);
    }
    if columns > 3u {
        x.w = f32(value[index + 3u]);
    }
    return x;
}

fn bias4(index: u32, columns: u32) -> vec4<f32> {
    var x = vec4<f32>(f32(bias[index]), 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = f32(bias[index + 1u]);
    }
    if columns > 2u {
        x.z = f32(bias[index + 2u]);
    }
    if columns > 3u {
        x.w = f32(bias[index + 3u]);
    }
    return x;
}

fn past_key4(index: u32, columns: u32) -> vec4<f32> {
    var x = vec4<f32>(f32(past_key[index]), 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = f32(past_key[index + 1u]);
    }
    if columns > 2u {
        x.z = f32(past_key[index + 2u]);
    }
    if columns > 3u {
        x.w = f32(past_key[index + 3u]);
    }
    return x;
}

fn past_value4(index: u32, columns: u32) -> vec4<f32> {
    var x = vec4<f32>(f32(past_value[index]), 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = f32(past_value[index + 1u]);
    }
    if columns > 2u {
        x.z = f32(past_value[index + 2u]);
    }
    if columns > 3u {
        x.w = f32(past_value[index + 3u]);
    }
    return x;
}
