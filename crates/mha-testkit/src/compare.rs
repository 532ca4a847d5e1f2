//! [`Expected`]: the reference's answer, how near a result must come to it, and what to say where it does not.

use std::fmt;

use mha_plan::Tensor;
use mha_reference::{Outputs, attention};
use mha_spec::{AttentionProblem, DType, OutputShapes, output_shapes};

use crate::case::{Case, float_values, rounded};

/// Largest error of a float32 value, relative to its scale: its own magnitude, and at least 1.
pub const F32_TOLERANCE: f64 = 1e-5;

/// Largest error of a float16 value beyond the rounding to it.
pub const F16_TOLERANCE: f64 = 2e-3;

/// A row whose every key is padded with -10000 has scores on a grid of 2^-10. A product that differs in its last bit may
/// round to the next grid point, so such a row may be off by this many grid steps times its largest value.
const GRID_STEPS: f64 = 2.0;

/// From this magnitude on, an addend leaves nothing of an ordinary score: all scores of the row are exactly equal, in
/// the result as in the reference.
const SWALLOWS_SCORES: f64 = 1e30;

/// What a case must give.
#[derive(Clone, Debug)]
pub struct Expected {
    problem: AttentionProblem,
    shapes: OutputShapes,
    outputs: Outputs,
    /// For each (batch, query row, head): error that the scores' grid allows in the output.
    row_slack: Vec<f64>,
    anything_for_nan: bool,
}

impl Expected {
    /// The reference's answer to a case.
    pub fn of(case: &Case) -> Expected {
        let problem = &case.problem;
        // Scores and values of every key, wanted or not, tell how coarse each row's grid is.
        let mut all = problem.clone();
        all.qk = Some(DType::F32);
        let outputs = attention(&all, &case.inputs);
        let largest_value = largest_value(case);
        let [batch, q_len, heads] = [problem.batch, problem.q_len, problem.num_heads].map(|n| n as usize);
        let keys = problem.total_len() as usize;
        let mut row_slack = Vec::with_capacity(batch * q_len * heads);
        for b in 0..batch {
            for s in 0..q_len {
                for n in 0..heads {
                    let at = ((b * heads + n) * q_len + s) * keys;
                    row_slack.push(GRID_STEPS * grid(&outputs.qk[at..at + keys]) * largest_value);
                }
            }
        }
        Expected {
            problem: problem.clone(),
            shapes: output_shapes(problem),
            outputs,
            row_slack,
            anything_for_nan: false,
        }
    }

    /// Takes any value where the reference has NaN.
    pub fn with_anything_for_nan(self) -> Expected {
        Expected { anything_for_nan: true, ..self }
    }

    /// The outputs that the problem wants, in order.
    pub fn wanted(&self) -> Vec<Tensor> {
        let present = self.problem.present;
        [
            (Tensor::Output, true),
            (Tensor::PresentKey, present.key),
            (Tensor::PresentValue, present.value),
            (Tensor::Qk, self.problem.qk.is_some()),
        ]
        .into_iter()
        .filter_map(|(tensor, wanted)| wanted.then_some(tensor))
        .collect()
    }

    /// The reference's first output, in the order of its tensor.
    pub fn output(&self) -> &[f64] {
        &self.outputs.output
    }

    /// Bytes of an output.
    pub fn bytes(&self, tensor: Tensor) -> usize {
        let elements: i64 = self.shape(tensor).iter().product();
        elements as usize * self.dtype(tensor).size() as usize
    }

    /// Compares an output, given as the bytes of its tensor, with the reference.
    ///
    /// # Errors
    /// The values that are too far off, or a wrong length.
    pub fn check(&self, tensor: Tensor, bytes: &[u8]) -> Result<(), Mismatch> {
        let (shape, dtype) = (self.shape(tensor), self.dtype(tensor));
        let want = match tensor {
            Tensor::Output => &self.outputs.output,
            Tensor::PresentKey => &self.outputs.present_key,
            Tensor::PresentValue => &self.outputs.present_value,
            Tensor::Qk => &self.outputs.qk,
            other => panic!("{other:?} is no output"),
        };
        let mut mismatch = Mismatch {
            tensor,
            shape: shape.to_vec(),
            differing: 0,
            total: want.len(),
            worst: None,
            length: bytes.len(),
        };
        if bytes.len() != self.bytes(tensor) {
            return Err(mismatch);
        }
        let v_head_size = self.problem.v_head_size as usize;
        let mut worst = 0.0;
        for (index, (&want, got)) in want.iter().zip(float_values(bytes, dtype)).enumerate() {
            let slack = if tensor == Tensor::Output { self.row_slack[index / v_head_size] } else { 0.0 };
            let allowed = tolerance(want, dtype) + slack;
            if agrees(got, want, allowed, dtype) || (self.anything_for_nan && want.is_nan()) {
                continue;
            }
            mismatch.differing += 1;
            // A difference that is not a number is the worst there is.
            let excess = if (got - want).is_nan() { f64::INFINITY } else { (got - want).abs() / allowed };
            if mismatch.worst.is_none() || excess > worst {
                worst = excess;
                mismatch.worst = Some(Difference { index, got, want, allowed });
            }
        }
        if mismatch.differing == 0 { Ok(()) } else { Err(mismatch) }
    }

    fn shape(&self, tensor: Tensor) -> &[i64] {
        match tensor {
            Tensor::Output => &self.shapes.output,
            Tensor::PresentKey => &self.shapes.present_key,
            Tensor::PresentValue => &self.shapes.present_value,
            Tensor::Qk => &self.shapes.qk,
            other => panic!("{other:?} is no output"),
        }
    }

    fn dtype(&self, tensor: Tensor) -> DType {
        match tensor {
            Tensor::Qk => self.problem.qk.unwrap_or(self.problem.dtype),
            _ => self.problem.dtype,
        }
    }
}

/// The error allowed in a value of a type.
pub fn tolerance(want: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F32 => F32_TOLERANCE * want.abs().max(1.0),
        // Half a step of float16, whose steps are 2^-10 of the power of two below.
        DType::F16 => F16_TOLERANCE + want.abs() / 2048.0,
    }
}

/// Whether a value is the expected one within `allowed`; infinities and NaN must be met exactly.
fn agrees(got: f64, want: f64, allowed: f64, dtype: DType) -> bool {
    let rounded = rounded(want, dtype);
    if rounded.is_finite() {
        (got - want).abs() <= allowed
    } else {
        got == rounded || (got.is_nan() && rounded.is_nan())
    }
}

/// The distance of neighbouring float32 numbers at the largest score of a row, where that is what decides.
fn grid(scores: &[f64]) -> f64 {
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max).abs();
    if !(1.0..SWALLOWS_SCORES).contains(&greatest) {
        return 0.0;
    }
    greatest.log2().floor().exp2() * f64::from(f32::EPSILON)
}

/// The largest magnitude among values and their bias.
fn largest_value(case: &Case) -> f64 {
    let inputs = &case.inputs;
    let largest = |values: &[f64]| values.iter().filter(|v| v.is_finite()).fold(0.0, |most: f64, v| most.max(v.abs()));
    let held = match case.problem.layout {
        mha_spec::Layout::PackedQkv => &inputs.query,
        mha_spec::Layout::PackedKv => &inputs.key,
        _ => &inputs.value,
    };
    largest(held).max(largest(&inputs.past_value)) + largest(&inputs.bias)
}

/// An output that is not as expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The output.
    pub tensor: Tensor,
    /// Its shape.
    pub shape: Vec<i64>,
    /// Values that are too far off.
    pub differing: usize,
    /// All values.
    pub total: usize,
    /// The value furthest off. None where the length is wrong.
    pub worst: Option<Difference>,
    /// Bytes received.
    pub length: usize,
}

/// One value that is not as expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Its index in the tensor.
    pub index: usize,
    /// As received.
    pub got: f64,
    /// As the reference has it.
    pub want: f64,
    /// How far off it may be.
    pub allowed: f64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { tensor, shape, differing, total, worst, length } = self;
        let Some(Difference { index, got, want, allowed }) = worst else {
            return write!(f, "{tensor:?} of shape {shape:?} has {length} bytes");
        };
        let mut rest = *index as i64;
        let mut at: Vec<i64> = Vec::with_capacity(shape.len());
        for &size in shape.iter().rev() {
            at.push(rest % size);
            rest /= size;
        }
        at.reverse();
        write!(
            f,
            "{tensor:?} of shape {shape:?}: {differing} of {total} values are off, most at {at:?}: got {got}, expected \
             {want} within {allowed:.1e}"
        )
    }
}
