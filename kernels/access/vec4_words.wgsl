// Four columns at a time by one vector access, as access/vec4 has them; new keys and values also as stored, in words:
// float16 vectors would be taken apart as soon as they are loaded, so that a load ahead would be waited for.
@group(0) @binding(1) var<storage, read> query: array<Elem4>;
@group(0) @binding(2) var<storage, read> key: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> value: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> bias: array<Elem4>;
@group(0) @binding(7) var<storage, read> past_key: array<Elem4>;
@group(0) @binding(8) var<storage, read> past_value: array<Elem4>;

fn query4(index: u32, columns: u32) -> vec4<f32> {
    return vec4<f32>(query[index / 4u]);
}

fn key4(index: u32, columns: u32) -> vec4<f32> {
    return vec4<f32>(from_words(key[index / 4u]));
}

fn value4(index: u32, columns: u32) -> vec4<f32> {
    return vec4<f32>(from_words(value[index / 4u]));
}

fn bias4(index: u32, columns: u32) -> vec4<f32> {
    return vec4<f32>(bias[index / 4u]);
}

fn past_key4(index: u32, columns: u32) -> vec4<f32> {
    return vec4<f32>(past_key[index / 4u]);
}

fn past_value4(index: u32, columns: u32) -> vec4<f32> {
    return vec4<f32>(past_value[index / 4u]);
}

fn key_words(index: u32, columns: u32) -> vec2<u32> {
    return key[index / 4u];
}

fn value_words(index: u32, columns: u32) -> vec2<u32> {
    return value[index / 4u];
}
