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
    /// Largest difference of an element; none of an empty output. Infinite where no number says it.
    pub(super) absolute: f64,
    /// The same as a share of the expected output's largest finite element.
    pub(super) relative: f64,
    /// What no number says.
    pub(super) unlike: Option<Unlike>,
    /// Elements that are finite in both.
    pub(super) compared: usize,
}

/// How outputs differ other than in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unlike {
    /// In shape or type.
    Shape,
    /// An element is NaN that should be none.
    Nan,
    /// An element should be NaN and is not.
    NotNan,
    /// One of two elements is infinite, or they are so with different signs.
    Infinity,
}

impl Unlike {
    /// As a table's cell.
    pub(super) fn short(self) -> &'static str {
        match self {
            Unlike::Shape => "shape",
            Unlike::Nan => "NaN",
            Unlike::NotNan => "no NaN",
            Unlike::Infinity => "infinity",
        }
    }

    /// What an output has that stock CPU's has not.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Unlike::Shape => "has another shape or type than stock CPU's",
            Unlike::Nan => "is NaN where stock CPU gives a number",
            Unlike::NotNan => "is a number where stock CPU gives NaN",
            Unlike::Infinity => "and stock CPU's are not infinite in the same places",
        }
    }

    fn of(want: f64, got: f64) -> Option<Unlike> {
        match (want.is_nan(), got.is_nan()) {
            (false, true) => Some(Unlike::Nan),
            (true, false) => Some(Unlike::NotNan),
            // Infinities of one sign agree, and so do two that are no number.
            (false, false) if want != got && (want.is_infinite() || got.is_infinite()) => Some(Unlike::Infinity),
            _ => None,
        }
    }
}

impl Difference {
    pub(super) fn between(output: &str, expected: &Tensor, got: &Tensor) -> Difference {
        let same_shape = expected.shape == got.shape && expected.data.element() == got.data.element();
        let mut unlike = (!same_shape).then_some(Unlike::Shape);
        let (mut absolute, mut scale, mut compared) = (0.0_f64, 0.0_f64, 0);
        for (want, got) in elements(&expected.data).zip(elements(&got.data)).filter(|_| same_shape) {
            if want.is_finite() {
                scale = scale.max(want.abs());
            }
            if want.is_finite() && got.is_finite() {
                absolute = absolute.max((want - got).abs());
                compared += 1;
            }
            unlike = unlike.or(Unlike::of(want, got));
        }
        if unlike.is_some() {
            absolute = f64::INFINITY;
        }
        let relative = match absolute {
            0.0 => 0.0,
            _ => absolute / scale,
        };
        Difference { output: output.to_owned(), absolute, relative, unlike, compared }
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
        let cases: [(&[f32], &[f32], f64, f64); 7] = [
            (&[1.0, -4.0], &[1.0, -4.0], 0.0, 0.0),
            (&[1.0, -4.0], &[1.5, -4.0], 0.5, 0.125),
            (&[0.0], &[0.0], 0.0, 0.0),
            (&[0.0], &[1.0], 1.0, f64::INFINITY),
            (&[nan, inf, 2.0], &[nan, inf, 1.0], 1.0, 0.5),
            (&[nan, inf], &[nan, inf], 0.0, 0.0),
            (&[], &[], 0.0, 0.0),
        ];
        for (want, got, absolute, relative) in cases {
            let compared = want.iter().zip(got).filter(|(want, got)| want.is_finite() && got.is_finite()).count();
            let difference = Difference::between("y", &tensor(want), &tensor(got));
            let expected = Difference { output: "y".into(), absolute, relative, unlike: None, compared };
            assert_eq!(difference, expected, "{want:?} {got:?}");
        }
        let cases: [(&[f32], &[f32], Unlike); 7] = [
            (&[nan, 2.0], &[0.0, 2.0], Unlike::NotNan),
            (&[2.0, 2.0], &[2.0, nan], Unlike::Nan),
            (&[inf, 2.0], &[nan, 2.0], Unlike::Nan),
            (&[inf, 2.0], &[-inf, 2.0], Unlike::Infinity),
            (&[1.0, 2.0], &[inf, 2.0], Unlike::Infinity),
            (&[1.0], &[1.0, 2.0], Unlike::Shape),
            (&[], &[1.0], Unlike::Shape),
        ];
        for (want, got, unlike) in cases {
            let difference = Difference::between("y", &tensor(want), &tensor(got));
            let (absolute, relative) = (f64::INFINITY, f64::INFINITY);
            let compared = difference.compared;
            let expected = Difference { output: "y".into(), absolute, relative, unlike: Some(unlike), compared };
            assert_eq!(difference, expected, "{want:?} {got:?}");
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
