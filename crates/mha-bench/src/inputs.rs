//! Random inputs, and the float64 reference on a sample of rows.

use half::f16;
use mha_spec::DType;

use crate::shape::Shape;

/// Query, key and value in a shape's storage type, and as the float32 values that this type holds.
pub struct Inputs {
    dtype: DType,
    values: [Vec<f32>; 3],
    bytes: [Vec<u8>; 3],
}

impl Inputs {
    /// Normal values with standard deviation 1; queries times `score_deviation`, which then is that of the scores.
    pub fn random(shape: &Shape, dtype: DType, score_deviation: f32, seed: u64) -> Inputs {
        let mut rng = fastrand::Rng::with_seed(seed);
        let hidden = shape.batch as usize * (shape.heads * shape.head_size) as usize;
        let sizes = [(shape.q_len, score_deviation), (shape.kv_len, 1.0), (shape.kv_len, 1.0)];
        let values = sizes.map(|(len, deviation)| {
            let stored = |x: f32| if dtype == DType::F16 { f16::from_f32(x).to_f32() } else { x };
            (0..hidden * len as usize).map(|_| stored(normal(&mut rng) * deviation)).collect::<Vec<f32>>()
        });
        let bytes = std::array::from_fn(|i| match dtype {
            DType::F32 => bytemuck::cast_slice(&values[i]).to_vec(),
            DType::F16 => {
                let halves: Vec<f16> = values[i].iter().map(|&x| f16::from_f32(x)).collect();
                bytemuck::cast_slice(&halves).to_vec()
            }
        });
        Inputs { dtype, values, bytes }
    }

    /// Bytes of query, key and value.
    pub fn bytes(&self) -> [&[u8]; 3] {
        [&self.bytes[0], &self.bytes[1], &self.bytes[2]]
    }

    /// Largest difference of `output` from attention in float64, over `rows` rows of every head, spread over the queries
    /// with the first and last among them.
    pub fn largest_error(&self, shape: &Shape, output: &[u8], rows: u32) -> f64 {
        let [q, k, v] = &self.values;
        let (s_len, t_len, n, h) =
            (shape.q_len as usize, shape.kv_len as usize, shape.heads as usize, shape.head_size as usize);
        let got = |at: usize| match self.dtype {
            DType::F32 => f64::from(bytemuck::pod_read_unaligned::<f32>(&output[at * 4..at * 4 + 4])),
            DType::F16 => bytemuck::pod_read_unaligned::<f16>(&output[at * 2..at * 2 + 2]).to_f64(),
        };
        let sampled = (rows as usize).min(s_len);
        let mut worst = 0.0_f64;
        for b in 0..shape.batch as usize {
            for head in 0..n {
                for sample in 0..sampled {
                    let s = if sampled == 1 { 0 } else { sample * (s_len - 1) / (sampled - 1) };
                    let query = &q[((b * s_len + s) * n + head) * h..][..h];
                    let visible = if shape.causal && s + 1 < s_len { s + 1 } else { t_len };
                    let row = |x: &[f32], t: usize| -> Vec<f64> {
                        x[((b * t_len + t) * n + head) * h..][..h].iter().map(|&x| f64::from(x)).collect()
                    };
                    let scores: Vec<f64> = (0..visible)
                        .map(|t| {
                            let key = row(k, t);
                            query.iter().zip(&key).map(|(&a, b)| f64::from(a) * b).sum::<f64>() / (h as f64).sqrt()
                        })
                        .collect();
                    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let mut want = vec![0.0; h];
                    let mut sum = 0.0;
                    for (t, score) in scores.iter().enumerate() {
                        let weight = (score - most).exp();
                        sum += weight;
                        want.iter_mut().zip(row(v, t)).for_each(|(x, value)| *x += weight * value);
                    }
                    for (column, x) in want.iter().enumerate() {
                        let difference = (x / sum - got(((b * s_len + s) * n + head) * h + column)).abs();
                        // NaN must not pass for small.
                        worst = if difference.is_nan() { f64::INFINITY } else { worst.max(difference) };
                    }
                }
            }
        }
        worst
    }
}

/// A standard normal value, by Box and Muller.
fn normal(rng: &mut fastrand::Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.f64()).cos()) as f32
}
