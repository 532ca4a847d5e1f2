//! [`Class`]: which problems share their measurements, and [`Work`]: how much a problem has to do.

use std::fmt;
use std::str::FromStr;

use mha_spec::{AttentionProblem, DType, PaddingMask, ProjectionBias};

/// Lengths of a class lie within a factor of 2^(1/8) = 1.09: close enough for one measurement to stand for all.
const STEPS_PER_OCTAVE: f64 = 8.0;

/// Problems that take about as long as one another: all that a kernel is chosen by, lengths rounded on a logarithmic scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class {
    dtype: DType,
    head_size: u32,
    v_head_size: u32,
    /// Batch rows times heads.
    heads: u16,
    q_len: u16,
    past_len: u16,
    total_len: u16,
    causal: bool,
    beams: bool,
    attention_bias: bool,
    padding_mask: bool,
    projection_bias: bool,
    presents: bool,
    qk: bool,
}

/// As text, from which [`FromStr`] makes the same class: type, sizes, features.
impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Class { dtype, head_size, v_head_size, heads, q_len, past_len, total_len, .. } = self;
        write!(f, "{} {head_size} {v_head_size} {heads} {q_len} {past_len} {total_len}", dtype.name())?;
        self.features().iter().filter(|(_, on)| *on).try_for_each(|(name, _)| write!(f, " {name}"))
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(text: &str) -> Result<Class, String> {
        let wrong = || format!("a class is a type, six numbers and features, got `{text}`");
        let mut words = text.split(' ');
        let dtype =
            words.next().and_then(|name| [DType::F32, DType::F16].into_iter().find(|dtype| dtype.name() == name));
        let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).ok_or_else(wrong);
        let sizes = [number()?, number()?];
        let mut length = || number().and_then(|length| u16::try_from(length).map_err(|_| wrong()));
        let [heads, q_len, past_len, total_len] = [length()?, length()?, length()?, length()?];
        let features: Vec<&str> = words.collect();
        let has = |name: &str| features.contains(&name);
        let class = Class {
            dtype: dtype.ok_or_else(wrong)?,
            head_size: sizes[0],
            v_head_size: sizes[1],
            heads,
            q_len,
            past_len,
            total_len,
            causal: has("causal"),
            beams: has("beams"),
            attention_bias: has("attention_bias"),
            padding_mask: has("padding_mask"),
            projection_bias: has("projection_bias"),
            presents: has("presents"),
            qk: has("qk"),
        };
        // Whatever else is in the text is none of ours.
        if class.to_string() == text { Ok(class) } else { Err(wrong()) }
    }
}

impl Class {
    fn features(&self) -> [(&'static str, bool); 7] {
        [
            ("causal", self.causal),
            ("beams", self.beams),
            ("attention_bias", self.attention_bias),
            ("padding_mask", self.padding_mask),
            ("projection_bias", self.projection_bias),
            ("presents", self.presents),
            ("qk", self.qk),
        ]
    }

    /// The class of a problem.
    pub fn of(problem: &AttentionProblem) -> Class {
        Class {
            dtype: problem.dtype,
            head_size: problem.head_size,
            v_head_size: problem.v_head_size,
            heads: rounded(u64::from(problem.batch) * u64::from(problem.num_heads)),
            q_len: rounded(problem.q_len.into()),
            past_len: rounded(problem.past_len().into()),
            total_len: rounded(problem.total_len().into()),
            causal: problem.causal,
            beams: problem.beam_width.is_some(),
            attention_bias: problem.attention_bias.is_some(),
            padding_mask: problem.padding_mask != PaddingMask::None,
            projection_bias: problem.projection_bias != ProjectionBias::None,
            presents: problem.present.key || problem.present.value,
            qk: problem.qk.is_some(),
        }
    }

    /// Whether another class differs in numbers of heads, rows and keys alone, so that more work takes more time.
    pub fn is_like(&self, other: &Class) -> bool {
        let Class { heads, q_len, past_len, total_len, .. } = *self;
        *self == Class { heads, q_len, past_len, total_len, ..*other }
    }
}

/// Position on the logarithmic scale, 0 for nothing. Small numbers keep positions of their own.
fn rounded(length: u64) -> u16 {
    match length {
        0 => 0,
        _ => 1 + ((length as f64).log2() * STEPS_PER_OCTAVE).round() as u16,
    }
}

/// What a problem has to do at the least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Floating-point operations of the two products; causality halves them at most, which is left out.
    pub flops: f64,
    /// Bytes of the tensors read and written once.
    pub bytes: f64,
}

impl Work {
    /// How much of another problem's work this one has at the least, by operations or by bytes.
    pub fn share_of(&self, other: &Work) -> f64 {
        let share = |own: f64, other: f64| if other > 0.0 { own / other } else { f64::INFINITY };
        share(self.flops, other.flops).min(share(self.bytes, other.bytes))
    }

    /// The work of a problem.
    pub fn of(problem: &AttentionProblem) -> Work {
        let [b, n, s, l, t] =
            [problem.batch, problem.num_heads, problem.q_len, problem.kv_len, problem.total_len()].map(f64::from);
        let (h, hv) = (f64::from(problem.head_size), f64::from(problem.v_head_size));
        let past = f64::from(problem.past_capacity());
        let new_and_past = b * n * (l + past) * (h + hv);
        let presents = [(problem.present.key, h), (problem.present.value, hv)];
        let kept: f64 = presents.iter().filter(|(wanted, _)| *wanted).map(|(_, h)| b * n * past.max(t) * h).sum();
        let scores = b * n * s * t;
        let square = f64::from(u8::from(problem.attention_bias.is_some()) + u8::from(problem.qk.is_some())) * scores;
        let elements = b * n * s * (h + hv) + new_and_past + kept + square;
        Work { flops: 2.0 * scores * (h + hv), bytes: elements * problem.dtype.size() as f64 }
    }
}

#[cfg(test)]
mod tests {
    use mha_spec::{Layout, Past, PresentOutputs};

    use super::*;

    fn problem(q_len: u32, kv_len: u32) -> AttentionProblem {
        AttentionProblem {
            dtype: DType::F16,
            layout: Layout::Plain,
            batch: 2,
            num_heads: 8,
            q_len,
            kv_len,
            head_size: 64,
            v_head_size: 32,
            past: Past::None,
            beam_width: None,
            projection_bias: ProjectionBias::None,
            padding_mask: PaddingMask::None,
            attention_bias: None,
            causal: false,
            scale: 1.0,
            mask_filter_value: 0.0,
            present: PresentOutputs::default(),
            qk: None,
        }
    }

    #[test]
    fn lengths_close_to_one_another_share_a_class() {
        let class = |s| Class::of(&problem(s, 1000));
        assert_eq!(class(1000), class(1010));
        assert_ne!(class(1000), class(1100));
        // Short ones do not: 8 rows take twice as long as 4.
        for s in 1..8 {
            assert_ne!(class(s), class(s + 1));
        }
        let causal = Class::of(&AttentionProblem { causal: true, ..problem(9, 9) });
        assert_ne!(Class::of(&problem(9, 9)), causal);
        assert!(class(9).is_like(&class(1000)) && !class(9).is_like(&causal));
    }

    #[test]
    fn a_class_survives_as_text() {
        let plain = Class::of(&problem(1000, 77));
        assert_eq!(plain.to_string(), "f16 64 32 33 81 0 51");
        let step = AttentionProblem { past: Past::Growing { len: 5 }, ..problem(1, 1) };
        let presents = PresentOutputs { key: true, value: true };
        for problem in [
            problem(4, 9),
            AttentionProblem { causal: true, qk: Some(DType::F32), ..problem(4, 9) },
            AttentionProblem { present: presents, padding_mask: PaddingMask::Keys, dtype: DType::F32, ..step },
        ] {
            let class = Class::of(&problem);
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        for wrong in ["", "f64 1 1 1 1 1 1", "f16 1 1 1 1 1", "f16 1 1 1 1 1 70000", "f16 1 1 1 1 1 1 magic"] {
            assert!(wrong.parse::<Class>().unwrap_err().ends_with(&format!("got `{wrong}`")));
        }
    }

    #[test]
    fn work_counts_each_tensor_once() {
        let work = Work::of(&problem(10, 20));
        assert_eq!(work.flops, 2.0 * 16.0 * 10.0 * 20.0 * 96.0);
        assert_eq!(work.bytes, 2.0 * 16.0 * (10.0 + 20.0) * 96.0);
        // Twice the rows: twice the operations, and less than twice the bytes.
        assert_eq!(Work::of(&problem(20, 20)).share_of(&work), 40.0 / 30.0);
        assert_eq!(work.share_of(&Work::of(&problem(20, 20))), 0.5);
        let step = AttentionProblem {
            past: Past::Growing { len: 5 },
            present: PresentOutputs { key: true, value: false },
            ..problem(1, 1)
        };
        assert_eq!(Work::of(&step).bytes, 2.0 * 16.0 * (96.0 + 6.0 * 96.0 + 6.0 * 64.0));
    }
}
