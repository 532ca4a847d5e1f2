//! Output shapes as far as they can be told before the inputs exist, from dimensions that may be unknown.

use crate::error::SpecError;

/// A dimension at load time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dim<'a> {
    /// Nothing is known.
    #[default]
    Unknown,
    /// Its size is not known, its name is: equal names are equal sizes.
    Symbol(&'a str),
    /// Its size.
    Known(i64),
}

/// What is known of one input at load time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputDims<'a> {
    /// The node leaves the input out.
    #[default]
    Absent,
    /// The input is there, its rank is not known.
    UnknownRank,
    /// Its dimensions.
    Ranked(&'a [Dim<'a>]),
}

/// The inputs that output shapes depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputsKnown<'a> {
    /// Input 0.
    pub query: InputDims<'a>,
    /// Input 1.
    pub key: InputDims<'a>,
    /// Input 2.
    pub value: InputDims<'a>,
    /// Input 6.
    pub past_key: InputDims<'a>,
    /// Input 8 is given.
    pub past_sequence_length: bool,
}

/// Dimensions of the four outputs; their ranks are always known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InferredShapes<'a> {
    /// (B, S, N·Hv).
    pub output: [Dim<'a>; 3],
    /// (B, N, T or M, H).
    pub present_key: [Dim<'a>; 4],
    /// (B, N, T or M, Hv).
    pub present_value: [Dim<'a>; 4],
    /// (B, N, S, T).
    pub qk: [Dim<'a>; 4],
}

/// What can be told of the output shapes.
///
/// # Errors
/// Ranks that no layout has, where they are known: [`SpecError::QueryRank`], [`SpecError::KeyValueRanks`]. All other rules
/// wait for the real shapes.
pub fn infer<'a>(num_heads: u32, inputs: &InputsKnown<'a>) -> Result<InferredShapes<'a>, SpecError> {
    let query = match inputs.query {
        InputDims::Ranked(dims) if !matches!(dims.len(), 3 | 5) => {
            return Err(SpecError::QueryRank { got: received(dims) });
        }
        InputDims::Ranked(dims) => dims,
        _ => &[],
    };
    let (key, value) = (ranked(inputs.key), ranked(inputs.value));
    if !matches!(
        (inputs.key, key.len()),
        (InputDims::Ranked(_), 3..=5) | (InputDims::Absent | InputDims::UnknownRank, _)
    ) {
        return Err(SpecError::KeyValueRanks { key: received(key), value: received(value) });
    }

    let heads = Dim::Known(i64::from(num_heads));
    let batch = at(query, 0);
    let q_len = at(query, 1);
    // Either place that tells the head size will do.
    let head_size = first_known([
        if query.len() == 5 { at(query, 4) } else { divided(at(query, 2), num_heads) },
        match key.len() {
            3 => divided(at(key, 2), num_heads),
            4 => at(key, 3),
            _ => at(key, 4),
        },
        at(ranked(inputs.past_key), 3),
    ]);
    let v_head_size = match (inputs.value, value.len()) {
        (InputDims::Absent, _) => head_size,
        (_, 3) => divided(at(value, 2), num_heads),
        (_, 4) => first_known([at(value, 3), head_size]),
        _ => Dim::Unknown,
    };
    let output_hidden = match (inputs.value, value.len()) {
        (_, 3) => at(value, 2),
        (InputDims::Absent, _) | (_, 4) if query.len() == 3 => {
            first_known([at(query, 2), times(v_head_size, num_heads)])
        }
        _ => times(v_head_size, num_heads),
    };
    let kv_len = match (inputs.key, key.len()) {
        (InputDims::Absent, _) if query.len() == 5 => q_len,
        (_, 4) => at(key, 2),
        (_, 3) => first_known([at(key, 1), if value.len() == 3 { at(value, 1) } else { Dim::Unknown }]),
        (_, 5) => at(key, 1),
        _ => Dim::Unknown,
    };
    let past_len = at(ranked(inputs.past_key), 2);
    let (present_len, total_len) = match (inputs.past_key, inputs.past_sequence_length) {
        (InputDims::Absent, _) => (kv_len, kv_len),
        (_, true) => (past_len, Dim::Unknown),
        // Pre-split keys may leave a past unread, but not where one of these outputs is asked for.
        (_, false) => (sum(past_len, kv_len), sum(past_len, kv_len)),
    };
    Ok(InferredShapes {
        output: [batch, q_len, output_hidden],
        present_key: [batch, heads, present_len, head_size],
        present_value: [batch, heads, present_len, v_head_size],
        qk: [batch, heads, q_len, total_len],
    })
}

fn ranked<'a>(input: InputDims<'a>) -> &'a [Dim<'a>] {
    match input {
        InputDims::Ranked(dims) => dims,
        _ => &[],
    }
}

fn at<'a>(dims: &[Dim<'a>], axis: usize) -> Dim<'a> {
    dims.get(axis).copied().unwrap_or_default()
}

/// The first size, else the first name.
fn first_known<'a, const N: usize>(dims: [Dim<'a>; N]) -> Dim<'a> {
    let size = dims.iter().find(|dim| matches!(dim, Dim::Known(_)));
    let name = dims.iter().find(|dim| matches!(dim, Dim::Symbol(_)));
    size.or(name).copied().unwrap_or_default()
}

/// A hidden size divided into heads; unknown where the division has a rest, which the rules report later.
fn divided(dim: Dim<'_>, num_heads: u32) -> Dim<'_> {
    match dim {
        Dim::Known(n) if n % i64::from(num_heads) == 0 => Dim::Known(n / i64::from(num_heads)),
        _ => Dim::Unknown,
    }
}

fn times(dim: Dim<'_>, num_heads: u32) -> Dim<'_> {
    match dim {
        Dim::Known(n) => n.checked_mul(i64::from(num_heads)).map_or(Dim::Unknown, Dim::Known),
        _ => Dim::Unknown,
    }
}

/// A sum is known by name only where the other part is known to be 0.
fn sum<'a>(a: Dim<'a>, b: Dim<'a>) -> Dim<'a> {
    match (a, b) {
        (Dim::Known(a), Dim::Known(b)) => a.checked_add(b).map_or(Dim::Unknown, Dim::Known),
        (Dim::Known(0), other) | (other, Dim::Known(0)) => other,
        _ => Dim::Unknown,
    }
}

/// Dimensions for a message; those not known as -1.
fn received(dims: &[Dim<'_>]) -> crate::error::Shape {
    let sizes: Vec<i64> = dims.iter().map(|dim| if let Dim::Known(n) = dim { *n } else { -1 }).collect();
    sizes.as_slice().into()
}
