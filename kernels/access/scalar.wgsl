// Four columns at a time by one access each, for head sizes or strides that are not multiples of 4.
// `columns` is how many columns remain in the row from the one at `index` on; columns past them read as 0.
// Keys and values come as stored, so that a kernel may convert them long after it asked for them.
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

fn key4(index: u32, columns: u32) -> Elem4 {
    var x = Elem4(key[index], 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = key[index + 1u];
    }
    if columns > 2u {
        x.z = key[index + 2u];
    }
    if columns > 3u {
        x.w = key[index + 3u];
    }
    return x;
}

fn value4(index: u32, columns: u32) -> Elem4 {
    var x = Elem4(value[index], 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = value[index + 1u];
    }
    if columns > 2u {
        x.z = value[index + 2u];
    }
    if columns > 3u {
        x.w = value[index + 3u];
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

fn past_key4(index: u32, columns: u32) -> Elem4 {
    var x = Elem4(past_key[index], 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = past_key[index + 1u];
    }
    if columns > 2u {
        x.z = past_key[index + 2u];
    }
    if columns > 3u {
        x.w = past_key[index + 3u];
    }
    return x;
}

fn past_value4(index: u32, columns: u32) -> Elem4 {
    var x = Elem4(past_value[index], 0.0, 0.0, 0.0);
    if columns > 1u {
        x.y = past_value[index + 1u];
    }
    if columns > 2u {
        x.z = past_value[index + 2u];
    }
    if columns > 3u {
        x.w = past_value[index + 3u];
    }
    return x;
}
