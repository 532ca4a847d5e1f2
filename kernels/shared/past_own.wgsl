// Without beams, past entries of batch row b are row b's own.
fn past_batch(b: u32, t: u32) -> u32 {
    return b;
}
