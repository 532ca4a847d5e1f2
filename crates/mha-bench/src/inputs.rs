//! Random inputs, and the float64 reference on a sample of rows.

use std::thread;

use half::f16;
use mha_spec::DType;

use crate::shape::Shape;

/// Values that a thread makes from one seed.
const CHUNK: usize = 1 << 20;

/// Standard normal values for query, key and value of a shape, from which the inputs of each type are made.
pub struct Normals([Vec<f32>; 3]);

impl Normals {
    /// The values of a seed, the same on every machine.
    pub fn new(shape: &Shape, seed: u64) -> Normals {
        let hidden = shape.batch as usize * (shape.heads * shape.head_size) as usize;
        let lengths = [shape.q_len, shape.kv_len, shape.kv_len];
        let mut values = lengths.map(|len| vec![0.0; hidden * len as usize]);
        let chunks = values.iter_mut().flat_map(|tensor| tensor.chunks_mut(CHUNK)).enumerate();
        in_threads(chunks, |(index, chunk)| {
            let mut rng = fastrand::Rng::with_seed(seed.wrapping_add(index as u64));
            chunk.iter_mut().for_each(|value| *value = normal(&mut rng));
        });
        Normals(values)
    }

    /// All of them as float32 in little-endian order: query, key, value, each (batch, length, heads x head_size).
    pub fn to_le_bytes(&self) -> Vec<u8> {
        self.0.iter().flatten().flat_map(|value| value.to_le_bytes()).collect()
    }
}

/// Query, key and value in a storage type.
pub struct Inputs {
    dtype: DType,
    bytes: [Vec<u8>; 3],
}

impl Inputs {
    /// Values with standard deviation 1; queries times `score_deviation`, which then is that of the scores.
    pub fn new(normals: &Normals, dtype: DType, score_deviation: f32) -> Inputs {
        let factors = [score_deviation, 1.0, 1.0];
        let bytes = std::array::from_fn(|i| {
            let values = normals.0[i].iter().map(|value| value * factors[i]);
            match dtype {
                DType::F32 => values.flat_map(f32::to_ne_bytes).collect(),
                DType::F16 => values.flat_map(|value| f16::from_f32(value).to_ne_bytes()).collect(),
            }
        });
        Inputs { dtype, bytes }
    }

    /// Bytes of query, key and value.
    pub fn bytes(&self) -> [&[u8]; 3] {
        [&self.bytes[0], &self.bytes[1], &self.bytes[2]]
    }
}

/// A row of the output: where it begins, in elements, and its values.
type Row = (usize, Vec<f64>);

/// Attention in float64 on a sample of rows.
pub struct Expected {
    dtype: DType,
    rows: Vec<Row>,
}

impl Expected {
    /// `rows` rows of every head, spread over the queries with the first and last among them.
    pub fn new(shape: &Shape, inputs: &Inputs, rows: u32) -> Expected {
        let heads = (0..shape.batch as usize).flat_map(|b| (0..shape.heads as usize).map(move |head| (b, head)));
        let parts = in_threads(heads, |(b, head)| head_rows(shape, inputs, rows, b, head));
        Expected { dtype: inputs.dtype, rows: parts.into_iter().flatten().collect() }
    }

    /// How far `output` is from it.
    pub fn errors(&self, output: &[u8]) -> Errors {
        let (mut largest, mut squares, mut count) = (0.0_f64, 0.0, 0_usize);
        for (start, row) in &self.rows {
            for (column, want) in row.iter().enumerate() {
                let difference = (want - element(self.dtype, output, start + column)).abs();
                // NaN must not pass for small.
                let difference = if difference.is_nan() { f64::INFINITY } else { difference };
                largest = largest.max(difference);
                squares += difference * difference;
                count += 1;
            }
        }
        Errors { largest, rms: (squares / count.max(1) as f64).sqrt() }
    }
}

/// Differences of an output from float64. Infinite where a value is not a number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Errors {
    /// The largest.
    pub largest: f64,
    /// Their root mean square, which other inputs of the same kind hardly change.
    pub rms: f64,
}

impl Errors {
    /// The larger of either's.
    pub fn max(self, other: Errors) -> Errors {
        Errors { largest: self.largest.max(other.largest), rms: self.rms.max(other.rms) }
    }
}

fn head_rows(shape: &Shape, inputs: &Inputs, rows: u32, b: usize, head: usize) -> Vec<Row> {
    let (s_len, t_len, n, h) =
        (shape.q_len as usize, shape.kv_len as usize, shape.heads as usize, shape.head_size as usize);
    let [q, k, v] = inputs.bytes();
    let row = |bytes: &[u8], at: usize| (at..at + h).map(|i| element(inputs.dtype, bytes, i)).collect::<Vec<f64>>();
    let at = |len: usize, row: usize| ((b * len + row) * n + head) * h;
    let keys: Vec<Vec<f64>> = (0..t_len).map(|t| row(k, at(t_len, t))).collect();
    let values: Vec<Vec<f64>> = (0..t_len).map(|t| row(v, at(t_len, t))).collect();
    let sampled = (rows as usize).min(s_len);
    let attend = |s: usize| {
        let query = row(q, at(s_len, s));
        let visible = shape.visible_keys(s as u32) as usize;
        let dot = |key: &Vec<f64>| query.iter().zip(key).map(|(a, b)| a * b).sum::<f64>() / (h as f64).sqrt();
        let scores: Vec<f64> = keys[..visible].iter().map(dot).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut result = vec![0.0; h];
        let mut sum = 0.0;
        for (score, value) in scores.iter().zip(&values) {
            let weight = (score - most).exp();
            sum += weight;
            result.iter_mut().zip(value).for_each(|(x, value)| *x += weight * value);
        }
        result.iter_mut().for_each(|x| *x /= sum);
        (at(s_len, s), result)
    };
    (0..sampled).map(|i| attend(if sampled == 1 { 0 } else { i * (s_len - 1) / (sampled - 1) })).collect()
}

fn element(dtype: DType, bytes: &[u8], index: usize) -> f64 {
    match dtype {
        DType::F32 => f64::from(bytemuck::pod_read_unaligned::<f32>(&bytes[index * 4..index * 4 + 4])),
        DType::F16 => bytemuck::pod_read_unaligned::<f16>(&bytes[index * 2..index * 2 + 2]).to_f64(),
    }
}

/// Shares `items` out among as many threads as the machine has cores.
fn in_threads<I: Send, R: Send>(items: impl Iterator<Item = I>, work: impl Fn(I) -> R + Sync) -> Vec<R> {
    let count = thread::available_parallelism().map_or(1, usize::from);
    let mut shares: Vec<Vec<I>> = (0..count).map(|_| Vec::new()).collect();
    items.enumerate().for_each(|(index, item)| shares[index % count].push(item));
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || share.into_iter().map(work).collect::<Vec<R>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a benchmark's thread does not panic")).collect()
    })
}

/// A standard normal value, by Box and Muller.
fn normal(rng: &mut fastrand::Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.f64()).cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_weighs_values_by_softmax() {
        // Two keys whose scores differ by ln 3, so that the weights are 1/4 and 3/4.
        let shape = Shape { kv_len: 2, q_len: 1, heads: 1, head_size: 1, ..Shape::square("two keys", 1) };
        let normals = Normals([vec![1.0], vec![0.0, 3.0_f32.ln()], vec![4.0, 8.0]]);
        let expected = Expected::new(&shape, &Inputs::new(&normals, DType::F32, 1.0), 1);
        assert!(expected.errors(&7.0_f32.to_ne_bytes()).largest < 1e-6);
        assert!((expected.errors(&6.5_f32.to_ne_bytes()).largest - 0.5).abs() < 1e-6);
        let not_a_number = Errors { largest: f64::INFINITY, rms: f64::INFINITY };
        assert_eq!(expected.errors(&f32::NAN.to_ne_bytes()), not_a_number);
    }

    #[test]
    fn causal_rows_after_the_last_key_see_all_keys() {
        let shape = Shape { q_len: 3, kv_len: 2, heads: 1, head_size: 1, causal: true, ..Shape::square("causal", 1) };
        let normals = Normals([vec![0.0; 3], vec![0.0; 2], vec![4.0, 8.0]]);
        let expected = Expected::new(&shape, &Inputs::new(&normals, DType::F32, 1.0), 3);
        let right: Vec<u8> = [4.0_f32, 6.0, 6.0].into_iter().flat_map(f32::to_ne_bytes).collect();
        assert_eq!(expected.errors(&right), Errors::default());
        let wrong: Vec<u8> = [4.0_f32, 6.0, 9.0].into_iter().flat_map(f32::to_ne_bytes).collect();
        let Errors { largest, rms } = expected.errors(&wrong);
        assert_eq!(largest, 3.0);
        assert!((rms - 3.0_f64.sqrt()).abs() < 1e-12, "{rms}");
    }

    #[test]
    fn bytes_are_query_key_and_value_in_turn() {
        let bytes = Normals([vec![1.0], vec![0.0, -2.5], vec![4.0]]).to_le_bytes();
        let values: Vec<f32> = bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        assert_eq!(values, [1.0, 0.0, -2.5, 4.0]);
    }

    #[test]
    fn values_are_standard_normal_and_queries_scale() {
        let shape = Shape::square("moments", 64);
        let normals = Normals::new(&shape, 1);
        let [q, k, _] = &normals.0;
        assert_ne!(q, k);
        let mean = |values: &[f32]| values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
        let squares: Vec<f32> = q.iter().map(|x| x * x).collect();
        assert!(mean(q).abs() < 0.02 && (mean(&squares) - 1.0).abs() < 0.02);
        let inputs = Inputs::new(&normals, DType::F16, 9.0);
        assert_eq!(element(DType::F16, inputs.bytes()[0], 5), f16::from_f32(q[5] * 9.0).to_f64());
    }
}
