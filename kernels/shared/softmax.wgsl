// Units of the scores inside a lane. Without padding or attention_bias, log2(e) is folded into the scale and scores are
// in units of log2. With them scores stay in natural units, because LOWEST · log2(e) is not a finite f32.
override LOG2_SCORES: bool = PADDING_MASK == 0u && !ATTENTION_BIAS;

fn score_factor() -> f32 {
    if LOG2_SCORES {
        return params.scale * LOG2_E;
    }
    return params.scale;
}

// exp of a difference of two scores.
fn weight(difference: f32) -> f32 {
    if LOG2_SCORES {
        return exp2(difference);
    }
    return exp2(difference * LOG2_E);
}
