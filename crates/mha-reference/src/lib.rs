//! The answer to an attention problem, computed in float64 from the operator's definition and nothing else.
//!
//! Products, softmax and sums are float64; scores are rounded to float32 after each of the three steps that make them
//! (scale, attention_bias, mask), because the operator does and it shows: -10000 added to every score of a row leaves
//! them on a grid of 2^-10. Nothing is tiled, fused or shared with the kernels.

use mha_spec::{AttentionProblem, Layout, PaddingMask, Past, ProjectionBias};

/// Values of the inputs, in the layout that the problem states; empty where an input is absent or not read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Input 0.
    pub query: Vec<f64>,
    /// Input 1.
    pub key: Vec<f64>,
    /// Input 2.
    pub value: Vec<f64>,
    /// Input 3.
    pub bias: Vec<f64>,
    /// Input 4.
    pub padding_mask: Vec<i32>,
    /// Input 5.
    pub attention_bias: Vec<f64>,
    /// Input 6.
    pub past_key: Vec<f64>,
    /// Input 7.
    pub past_value: Vec<f64>,
    /// Input 9.
    pub cache_indirection: Vec<i32>,
}

/// Values of the outputs; empty where the problem does not want one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// (B, S, N·Hv).
    pub output: Vec<f64>,
    /// (B, N, T or M, H).
    pub present_key: Vec<f64>,
    /// (B, N, T or M, Hv).
    pub present_value: Vec<f64>,
    /// (B, N, S, T): float32 scores, to be rounded to the output's type.
    pub qk: Vec<f64>,
}

/// The score of keys that causality hides.
const LOWEST: f32 = f32::MIN;

/// Answers `problem`.
///
/// # Panics
/// Where an input holds fewer elements than the problem reads, or cache_indirection names no batch row.
pub fn attention(problem: &AttentionProblem, inputs: &Inputs) -> Outputs {
    let reader = Reader::new(problem, inputs);
    let Sizes { batch, heads, q_len, total_len, v_head_size, .. } = reader.sizes;
    let mut outputs = Outputs {
        output: vec![0.0; batch * q_len * heads * v_head_size],
        present_key: if problem.present.key { reader.present(Side::Key) } else { Vec::new() },
        present_value: if problem.present.value { reader.present(Side::Value) } else { Vec::new() },
        qk: Vec::new(),
    };
    for b in 0..batch {
        for n in 0..heads {
            let keys: Vec<Vec<f64>> = (0..total_len).map(|t| reader.attended(Side::Key, b, n, t)).collect();
            let values: Vec<Vec<f64>> = (0..total_len).map(|t| reader.attended(Side::Value, b, n, t)).collect();
            for s in 0..q_len {
                let query = reader.query(b, n, s);
                let scores: Vec<f64> =
                    (0..total_len).map(|t| f64::from(reader.score(b, n, s, t, dot(&query, &keys[t])))).collect();
                let at = ((b * q_len + s) * heads + n) * v_head_size;
                weigh(&scores, &values, &mut outputs.output[at..at + v_head_size]);
                if problem.qk.is_some() {
                    outputs.qk.extend(scores);
                }
            }
        }
    }
    outputs
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `output` = softmax(`scores`) · `values`. With no keys at all it stays 0.
fn weigh(scores: &[f64], values: &[Vec<f64>], output: &mut [f64]) {
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - greatest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    for (weight, value) in weights.iter().zip(values) {
        for (out, v) in output.iter_mut().zip(value) {
            *out += weight / sum * v;
        }
    }
}

/// Keys or values: what differs is where they are and how wide.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Key,
    Value,
}

/// The problem's sizes, for indexing.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    heads: usize,
    q_len: usize,
    kv_len: usize,
    past_len: usize,
    past_capacity: usize,
    total_len: usize,
    head_size: usize,
    v_head_size: usize,
}

/// Reads elements of the inputs by their role.
struct Reader<'a> {
    problem: &'a AttentionProblem,
    inputs: &'a Inputs,
    sizes: Sizes,
}

impl<'a> Reader<'a> {
    fn new(problem: &'a AttentionProblem, inputs: &'a Inputs) -> Self {
        let sizes = Sizes {
            batch: problem.batch as usize,
            heads: problem.num_heads as usize,
            q_len: problem.q_len as usize,
            kv_len: problem.kv_len as usize,
            past_len: problem.past_len() as usize,
            past_capacity: problem.past_capacity() as usize,
            total_len: problem.total_len() as usize,
            head_size: problem.head_size as usize,
            v_head_size: problem.v_head_size as usize,
        };
        Reader { problem, inputs, sizes }
    }

    fn width(&self, side: Side) -> usize {
        match side {
            Side::Key => self.sizes.head_size,
            Side::Value => self.sizes.v_head_size,
        }
    }

    /// Query row s, bias added.
    fn query(&self, b: usize, n: usize, s: usize) -> Vec<f64> {
        let Sizes { heads, q_len, head_size, .. } = self.sizes;
        let row = (b * q_len + s) * heads + n;
        let at = match self.problem.layout {
            Layout::PackedQkv => row * 3 * head_size,
            _ => row * head_size,
        };
        let biased = self.problem.projection_bias != ProjectionBias::None;
        let bias = |h| if biased { self.inputs.bias[n * head_size + h] } else { 0.0 };
        (0..head_size).map(|h| self.inputs.query[at + h] + bias(h)).collect()
    }

    /// New key or value t, bias added.
    fn new_entry(&self, side: Side, b: usize, n: usize, t: usize) -> Vec<f64> {
        let Sizes { heads, kv_len, head_size, .. } = self.sizes;
        let width = self.width(side);
        let part = usize::from(side == Side::Value);
        let row = (b * kv_len + t) * heads + n;
        let (tensor, at) = match (self.problem.layout, side) {
            (Layout::Plain, Side::Key) => (&self.inputs.key, row * width),
            (Layout::Plain, Side::Value) => (&self.inputs.value, row * width),
            (Layout::PreSplit, Side::Key) => (&self.inputs.key, ((b * heads + n) * kv_len + t) * width),
            (Layout::PreSplit, Side::Value) => (&self.inputs.value, ((b * heads + n) * kv_len + t) * width),
            (Layout::PackedKv, _) => (&self.inputs.key, (row * 2 + part) * width),
            (Layout::PackedQkv, _) => (&self.inputs.query, (row * 3 + 1 + part) * width),
        };
        let biased = self.problem.projection_bias == ProjectionBias::QueryKeyValue;
        let bias_at = heads * head_size * (1 + part) + n * width;
        let bias = |h| if biased { self.inputs.bias[bias_at + h] } else { 0.0 };
        (0..width).map(|h| tensor[at + h] + bias(h)).collect()
    }

    /// Entry j of the past of batch row b.
    fn past_entry(&self, side: Side, b: usize, n: usize, j: usize) -> &'a [f64] {
        let width = self.width(side);
        let at = ((b * self.sizes.heads + n) * self.sizes.past_capacity + j) * width;
        match side {
            Side::Key => &self.inputs.past_key[at..at + width],
            Side::Value => &self.inputs.past_value[at..at + width],
        }
    }

    /// Key or value t as row b attends to it: from the past, of the beam it descends from, or new.
    fn attended(&self, side: Side, b: usize, n: usize, t: usize) -> Vec<f64> {
        if t >= self.sizes.past_len {
            return self.new_entry(side, b, n, t - self.sizes.past_len);
        }
        let from = match self.problem.beam_width {
            None => b,
            Some(width) => {
                let beam = self.inputs.cache_indirection[b * self.sizes.past_capacity + t];
                let beam = usize::try_from(beam).expect("cache_indirection is not negative");
                b / width as usize * width as usize + beam
            }
        };
        self.past_entry(side, from, n, t).to_vec()
    }

    /// A present output: the past of each row itself with the new entries in their place.
    fn present(&self, side: Side) -> Vec<f64> {
        let Sizes { batch, heads, kv_len, past_len, past_capacity, total_len, .. } = self.sizes;
        let length = match self.problem.past {
            Past::Shared { .. } => past_capacity,
            Past::None | Past::Growing { .. } => total_len,
        };
        let mut present = Vec::with_capacity(batch * heads * length * self.width(side));
        for b in 0..batch {
            for n in 0..heads {
                for t in 0..length {
                    if (past_len..past_len + kv_len).contains(&t) {
                        present.extend(self.new_entry(side, b, n, t - past_len));
                    } else {
                        present.extend(self.past_entry(side, b, n, t));
                    }
                }
            }
        }
        present
    }

    /// The score of key t for query row s, `product` being their q·k.
    fn score(&self, b: usize, n: usize, s: usize, t: usize, product: f64) -> f32 {
        let scaled = (f64::from(self.problem.scale) * product) as f32;
        scaled + self.attention_bias(b, n, s, t) + self.mask(b, s, t)
    }

    fn attention_bias(&self, b: usize, n: usize, s: usize, t: usize) -> f32 {
        let Some(bias) = self.problem.attention_bias else { return 0.0 };
        let b = if bias.batch == 1 { 0 } else { b / bias.batch_divisor as usize };
        let n = if bias.heads == 1 { 0 } else { n };
        let Sizes { q_len, total_len, .. } = self.sizes;
        self.inputs.attention_bias[((b * bias.heads as usize + n) * q_len + s) * total_len + t] as f32
    }

    /// Padding and causality, one addend: causality replaces padding, and leaves the last row alone.
    fn mask(&self, b: usize, s: usize, t: usize) -> f32 {
        let Sizes { q_len, past_len, .. } = self.sizes;
        if self.problem.causal && s + 1 < q_len && t > s + past_len {
            LOWEST
        } else if self.padded(b, s, t) {
            self.problem.mask_filter_value
        } else {
            0.0
        }
    }

    fn padded(&self, b: usize, s: usize, t: usize) -> bool {
        let Sizes { q_len, total_len, .. } = self.sizes;
        let mask = &self.inputs.padding_mask;
        match self.problem.padding_mask {
            PaddingMask::None => false,
            PaddingMask::KeyLengths => t as i64 >= i64::from(mask[b]),
            PaddingMask::Keys => mask[b * total_len + t] <= 0,
            PaddingMask::BeamKeys => mask[b * total_len + t] == 0,
            PaddingMask::QueryKeys => mask[(b * q_len + s) * total_len + t] <= 0,
        }
    }
}
