// Beam search: past entry t of batch row b belongs to the beam that cache_indirection names, within b's own group.
override BEAMS: bool;
@group(0) @binding(9) var<storage, read> cache_indirection: array<i32>;

fn past_batch(b: u32, t: u32) -> u32 {
    if !BEAMS {
        return b;
    }
    let first = b / params.beam_width * params.beam_width;
    return first + u32(cache_indirection[b * params.beam_stride + t]);
}
