// New keys and values in words: their conversion and back is exact.
fn key_words(index: u32, columns: u32) -> vec2<u32> {
    return to_words(key4(index, columns));
}

fn value_words(index: u32, columns: u32) -> vec2<u32> {
    return to_words(value4(index, columns));
}
