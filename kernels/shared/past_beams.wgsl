// Beam search: past entry t of batch row b belongs to the beam that cache_indirection names, within b's own group.
override BEAMS: bool;
// Whether only the past of beam source_beam of each group is bound. Other keys then belong to other dispatches, and new keys
// to that of beam 0.
override ONE_BEAM: bool;
@group(0) @binding(9) var<storage, read> cache_indirection: array<i32>;

fn holding_beam(b: u32, t: u32) -> u32 {
    return u32(cache_indirection[element(params.cache_indirection, b, 0u, t)]);
}

fn past_batch(b: u32, t: u32) -> u32 {
    if !BEAMS {
        return b;
    }
    let first = b / params.beam_width * params.beam_width;
    if ONE_BEAM {
        return first + params.source_beam;
    }
    return first + holding_beam(b, t);
}

// Whether this dispatch takes key t of batch row b: one that it may not is neither read nor given a weight.
fn is_held(b: u32, t: u32) -> bool {
    if !ONE_BEAM {
        return true;
    }
    if t >= params.past_len {
        return params.source_beam == 0u;
    }
    return holding_beam(b, t) == params.source_beam;
}
