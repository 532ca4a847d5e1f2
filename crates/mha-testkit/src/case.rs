//! [`Case`]: a problem with the values of its inputs.

use fastrand::Rng;
use half::f16;
use mha_plan::Tensor;
use mha_reference::Inputs;
use mha_spec::{AttentionProblem, DType, Layout, PaddingMask, Past, ProjectionBias};

use crate::random;

/// A problem and the values of its inputs, rounded to the problem's type.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where the values come from.
    pub seed: u64,
    /// The problem.
    pub problem: AttentionProblem,
    /// The values.
    pub inputs: Inputs,
}

impl Case {
    /// The random case of a seed; see [`random::problem`].
    pub fn random(seed: u64, dtype: DType) -> Case {
        Case::new(random::problem(seed, dtype), seed)
    }

    /// A problem with random values. Floats are normal, of standard deviation 1 in most seeds. Masks hide about a third
    /// of the keys and now and then every key of a row. What the operator must not read or use holds traps: wrong beams
    /// beyond past_sequence_length, NaN in the unused part of a shared buffer.
    pub fn new(problem: AttentionProblem, seed: u64) -> Case {
        let mut fill = Fill { rng: Rng::with_seed(seed ^ 0x5eed_0000_0000), dtype: problem.dtype };
        let inputs = fill.inputs(&problem);
        Case { seed, problem, inputs }
    }

    /// The inputs that the problem has, as the bytes of their tensors.
    pub fn bytes(&self) -> Vec<(Tensor, Vec<u8>)> {
        let Inputs { query, key, value, bias, padding_mask, attention_bias, past_key, past_value, cache_indirection } =
            &self.inputs;
        let floats = [
            (Tensor::Query, query),
            (Tensor::Key, key),
            (Tensor::Value, value),
            (Tensor::Bias, bias),
            (Tensor::AttentionBias, attention_bias),
            (Tensor::PastKey, past_key),
            (Tensor::PastValue, past_value),
        ];
        let ints = [(Tensor::PaddingMask, padding_mask), (Tensor::CacheIndirection, cache_indirection)];
        let floats = floats.into_iter().map(|(tensor, values)| (tensor, float_bytes(values, self.problem.dtype)));
        let ints =
            ints.into_iter().map(|(tensor, values)| (tensor, values.iter().flat_map(|v| v.to_le_bytes()).collect()));
        floats.chain(ints).filter(|(_, bytes): &(_, Vec<u8>)| !bytes.is_empty()).collect()
    }
}

/// Values as little-endian elements of a type.
pub fn float_bytes(values: &[f64], dtype: DType) -> Vec<u8> {
    match dtype {
        DType::F32 => values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect(),
        DType::F16 => values.iter().flat_map(|&v| f16::from_f64(v).to_le_bytes()).collect(),
    }
}

/// Elements of a type as values.
///
/// # Panics
/// Where the bytes end within an element.
pub fn float_values(bytes: &[u8], dtype: DType) -> Vec<f64> {
    let (elements, rest) = match dtype {
        DType::F32 => {
            let (elements, rest) = bytes.as_chunks();
            (elements.iter().map(|&e| f64::from(f32::from_le_bytes(e))).collect(), rest.len())
        }
        DType::F16 => {
            let (elements, rest) = bytes.as_chunks();
            (elements.iter().map(|&e| f16::from_le_bytes(e).to_f64()).collect(), rest.len())
        }
    };
    assert_eq!(rest, 0, "whole elements");
    elements
}

/// The nearest value of a type.
pub(crate) fn rounded(value: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(value as f32),
        DType::F16 => f16::from_f64(value).to_f64(),
    }
}

/// Draws the values.
struct Fill {
    rng: Rng,
    dtype: DType,
}

impl Fill {
    fn inputs(&mut self, p: &AttentionProblem) -> Inputs {
        let amplitude = [1.0, 1.0, 1.0, 0.1, 2.0][self.rng.usize(..5)];
        let [b, s, l, t] = [p.batch, p.q_len, p.kv_len, p.total_len()].map(|n| n as usize);
        let (d, dv) = (p.hidden_size() as usize, p.v_hidden_size() as usize);
        let (query, key, value) = match p.layout {
            Layout::Plain | Layout::PreSplit => (b * s * d, b * l * d, b * l * dv),
            Layout::PackedKv => (b * s * d, b * l * 2 * d, 0),
            Layout::PackedQkv => (b * s * 3 * d, 0, 0),
        };
        let bias = if p.projection_bias == ProjectionBias::None { 0 } else { 2 * d + dv };
        Inputs {
            query: self.floats(query, amplitude),
            key: self.floats(key, amplitude),
            value: self.floats(value, amplitude),
            bias: self.floats(bias, 0.5),
            padding_mask: self.padding_mask(p, b, s, t),
            attention_bias: self.attention_bias(p, s, t),
            past_key: self.past(p, p.head_size as usize, amplitude),
            past_value: self.past(p, p.v_head_size as usize, amplitude),
            cache_indirection: self.cache_indirection(p),
        }
    }

    /// Normal values, by Box and Muller.
    fn floats(&mut self, count: usize, amplitude: f64) -> Vec<f64> {
        let mut normal = || {
            let radius = (-2.0 * (1.0 - self.rng.f64()).ln()).sqrt();
            radius * (std::f64::consts::TAU * self.rng.f64()).cos()
        };
        (0..count).map(|_| rounded(amplitude * normal(), self.dtype)).collect()
    }

    fn padding_mask(&mut self, p: &AttentionProblem, batch: usize, q_len: usize, keys: usize) -> Vec<i32> {
        let rows = match p.padding_mask {
            PaddingMask::None => return Vec::new(),
            PaddingMask::KeyLengths => {
                let t = keys as i32;
                let mut mask: Vec<i32> = (0..batch)
                    .map(|_| match self.rng.u32(..8) {
                        0 => 0,
                        1 => -4,
                        2 => i32::MAX,
                        3 => i32::MIN,
                        4 => t,
                        _ => self.rng.i32(0..=t),
                    })
                    .collect();
                // The (3B+2) form: offsets that are not read follow.
                mask.extend((0..2 * batch + 2).map(|_| self.rng.i32(..)));
                return mask;
            }
            PaddingMask::Keys | PaddingMask::BeamKeys => batch,
            PaddingMask::QueryKeys => batch * q_len,
        };
        let mut mask = Vec::with_capacity(rows * keys);
        for _ in 0..rows {
            let hide_all = self.rng.u32(..8) == 0;
            mask.extend((0..keys).map(|_| {
                let values: &[i32] = if hide_all { &[0] } else { &[1, 1, 1, 7, 0, -1] };
                values[self.rng.usize(..values.len())]
            }));
        }
        mask
    }

    /// Normal values, or in one of four cases an exported mask: 0 or the type's lowest finite value.
    fn attention_bias(&mut self, p: &AttentionProblem, q_len: usize, keys: usize) -> Vec<f64> {
        let Some(bias) = p.attention_bias else { return Vec::new() };
        let count = (bias.batch * bias.heads) as usize * q_len * keys;
        if self.rng.u32(..4) > 0 {
            return self.floats(count, 1.0);
        }
        let lowest = match self.dtype {
            DType::F32 => f64::from(f32::MIN),
            DType::F16 => f16::MIN.to_f64(),
        };
        // Key 0 stays visible: a row of -inf only is the one case without a defined result.
        let visible = |at: usize, rng: &mut Rng| at.is_multiple_of(keys) || rng.u32(..5) < 3;
        (0..count).map(|at| if visible(at, &mut self.rng) { 0.0 } else { lowest }).collect()
    }

    fn past(&mut self, p: &AttentionProblem, width: usize, amplitude: f64) -> Vec<f64> {
        let capacity = p.past_capacity() as usize;
        let rows = p.batch as usize * p.num_heads as usize;
        let mut past = self.floats(rows * capacity * width, amplitude);
        if matches!(p.past, Past::Shared { .. }) {
            for row in past.chunks_exact_mut(capacity * width) {
                row[p.past_len() as usize * width..].fill(f64::NAN);
            }
        }
        past
    }

    fn cache_indirection(&mut self, p: &AttentionProblem) -> Vec<i32> {
        let Some(width) = p.beam_width else { return Vec::new() };
        let (capacity, used) = (p.past_capacity() as usize, p.past_len() as usize);
        (0..p.batch as usize * capacity)
            .map(|at| if at % capacity < used { self.rng.i32(0..width as i32) } else { i32::MAX })
            .collect()
    }
}
