// What is added to a scaled score: attention_bias, then one term for padding and causality.
override CAUSAL: bool;
// Values: module padding_mask of the contract.
override PADDING_MASK: u32;
override ATTENTION_BIAS: bool;

@group(0) @binding(5) var<storage, read> padding_mask: array<i32>;
@group(0) @binding(6) var<storage, read> attention_bias: array<Elem>;

fn is_padding(b: u32, s: u32, t: u32) -> bool {
    let row = element(params.padding_mask, b, 0u, s);
    switch PADDING_MASK {
        case 1u: {
            // A length: negative acts as 0, and t fits an i32.
            return i32(t) >= padding_mask[row];
        }
        case 2u: {
            return padding_mask[row + t] <= 0;
        }
        case 3u: {
            return padding_mask[row + t] == 0;
        }
        default: {
            return false;
        }
    }
}

// The operator leaves the last query row unrestricted.
fn is_causally_hidden(s: u32, t: u32) -> bool {
    return t > s + params.past_len && s + 1u < params.q_len;
}

// The operator's score from scale · q·k: each addend is rounded to f32 in this order, because the sum's order shows
// where a mask value dwarfs the scores.
fn masked_score(scaled: f32, b: u32, n: u32, s: u32, t: u32) -> f32 {
    var x = scaled;
    if ATTENTION_BIAS {
        x += f32(attention_bias[element(params.attention_bias, b / params.bias_batch_divisor, n, s) + t]);
    }
    if PADDING_MASK != 0u || CAUSAL {
        var term = 0.0;
        if PADDING_MASK != 0u {
            term = select(0.0, params.mask_filter_value, is_padding(b, s, t));
        }
        if CAUSAL {
            // Replaces the padding term, never adds to it.
            term = select(term, LOWEST, is_causally_hidden(s, t));
        }
        x += term;
    }
    return x;
}
