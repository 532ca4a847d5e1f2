// Four columns at a time by one vector access. Needs head sizes, strides and binding offsets that are multiples of 4.
// `columns` is how many columns remain in the row from the one at `index` on: here always 4 or more.
// Keys and values come as stored, so that a kernel may convert them long after it asked for them.
@group(0) @binding(1) var<storage, read> query: array<Elem4>;
@group(0) @binding(2) var<storage, read> key: array<Elem4>;
@group(0) @binding(3) var<storage, read> value: array<Elem4>;
@group(0) @binding(4) var<storage, read> bias: array<Elem4>;
@group(0) @binding(7) var<storage, read> past_key: array<Elem4>;
@group(0) @binding(8) var<storage, read> past_value: array<Elem4>;

fn query4(index: u32, columns: u32) -> vec4<f32> {
    return vec4<f32>(query[index / 4u]);
}

fn key4(index: u32, columns: u32) -> Elem4 {
    return key[index / 4u];
}

fn value4(index: u32, columns: u32) -> Elem4 {
    return value[index / 4u];
}

fn bias4(index: u32, columns: u32) -> vec4<f32> {
    return vec4<f32>(bias[index / 4u]);
}

fn past_key4(index: u32, columns: u32) -> Elem4 {
    return past_key[index / 4u];
}

fn past_value4(index: u32, columns: u32) -> Elem4 {
    return past_value[index / 4u];
}
