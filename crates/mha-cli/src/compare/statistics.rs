//! Times and differences, reduced to what a reader looks at.

use half::f16;
use ort_webgpu_attention::host::{Data, Tensor};
use serde::Serialize;

/// The middle of some times, and what four fifths of them lie between.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    /// Tenth percentile.
    pub(super) low: f64,
    /// Ninetieth percentile.
    pub(super) high: f64,
}

impl Spread {
    /// None where there are no times.
    pub(super) fn of(times: &[f64]) -> Option<Spread> {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // Between two times, in proportion.
        let at = |part: f64| {
            let place = part * last as f64;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Some(Spread { median: at(0.5), low: at(0.1), high: at(0.9) })
    }

    /// Whether the two share some times.
    pub(super) fn overlaps(&self, other: &Spread) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// How far an output is from that of stock CPU kernels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    pub(super) output: String,
    /// Largest difference of an element. Infinite where shapes differ, or where one of the two is no number.
    pub(super) absolute: f64,
    /// The same as a share of the expected output's largest finite element.
    pub(super) relative: f64,
}

impl Difference {
    pub(super) fn between(output: &str, expected: &Tensor, got: &Tensor) -> Difference {
        let same_shape = expected.shape == got.shape && expected.data.element() == got.data.element();
        let (mut absolute, mut scale) = (if same_shape { 0.0 } else { f64::INFINITY }, 0.0_f64);
        for (want, got) in elements(&expected.data).zip(elements(&got.data)).filter(|_| same_shape) {
            if want.is_finite() {
                scale = scale.max(want.abs());
            }
            // Infinities of one sign agree, and so do two that are no number.
            if want != got && !(want.is_nan() && got.is_nan()) {
                let difference = (want - got).abs();
                absolute = absolute.max(if difference.is_nan() { f64::INFINITY } else { difference });
            }
        }
        let relative = match absolute {
            0.0 => 0.0,
            _ => absolute / scale,
        };
        Difference { output: output.to_owned(), absolute, relative }
    }
}

fn elements(data: &Data) -> Box<dyn Iterator<Item = f64> + '_> {
    match data {
        Data::F32(values) => Box::new(values.iter().map(|&value| value.into())),
        Data::F16(values) => Box::new(values.iter().copied().map(f16::to_f64)),
        Data::I32(values) => Box::new(values.iter().map(|&value| value.into())),
        // Differences of integers this large need not be exact.
        Data::I64(values) => Box::new(values.iter().map(|&value| value as f64)),
        Data::U8(values) => Box::new(values.iter().map(|&value| value.into())),
        Data::Bool(values) => Box::new(values.iter().map(|&value| f64::from(u8::from(value)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_the_times() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[4.0]), Some(Spread { median: 4.0, low: 4.0, high: 4.0 }));
        let spread = Spread::of(&[5.0, 1.0, 3.0, 2.0, 4.0, 0.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.5, low: 0.5, high: 4.5 });
        assert!(spread.overlaps(&Spread { median: 6.0, low: 4.5, high: 9.0 }));
        assert!(!spread.overlaps(&Spread { median: 6.0, low: 4.6, high: 9.0 }));
    }

    #[test]
    fn differences_are_absolute_and_of_the_scale() {
        let tensor = |values: &[f32]| Tensor { shape: vec![values.len()], data: Data::F32(values.into()) };
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let cases: [(&[f32], &[f32], f64, f64); 9] = [
            (&[1.0, -4.0], &[1.0, -4.0], 0.0, 0.0),
            (&[1.0, -4.0], &[1.5, -4.0], 0.5, 0.125),
            (&[0.0], &[0.0], 0.0, 0.0),
            (&[0.0], &[1.0], 1.0, f64::INFINITY),
            (&[nan, inf, 2.0], &[nan, inf, 1.0], 1.0, 0.5),
            (&[nan, 2.0], &[0.0, 2.0], f64::INFINITY, f64::INFINITY),
            (&[2.0, 2.0], &[nan, 2.0], f64::INFINITY, f64::INFINITY),
            (&[inf, 2.0], &[-inf, 2.0], f64::INFINITY, f64::INFINITY),
            (&[1.0], &[1.0, 2.0], f64::INFINITY, f64::INFINITY),
        ];
        for (want, got, absolute, relative) in cases {
            let difference = Difference::between("y", &tensor(want), &tensor(got));
            assert_eq!((difference.absolute, difference.relative), (absolute, relative), "{want:?} {got:?}");
        }
    }

    #[test]
    fn every_type_is_compared() {
        let half = |value| f16::from_f32(value);
        let cases = [
            (Data::F16(vec![half(1.0), half(2.0)]), Data::F16(vec![half(1.0), half(4.0)]), 2.0),
            (Data::I32(vec![-5]), Data::I32(vec![5]), 10.0),
            (Data::I64(vec![7]), Data::I64(vec![8]), 1.0),
            (Data::U8(vec![0]), Data::U8(vec![255]), 255.0),
            (Data::Bool(vec![true]), Data::Bool(vec![false]), 1.0),
            (Data::I32(vec![1]), Data::I64(vec![1]), f64::INFINITY),
        ];
        for (want, got, absolute) in cases {
            let tensor = |data: Data| Tensor { shape: vec![data.len()], data };
            assert_eq!(Difference::between("y", &tensor(want), &tensor(got)).absolute, absolute);
        }
    }
}
