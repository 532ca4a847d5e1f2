//! [`Shape`]: the sizes of a benchmark problem.

use mha_spec::{AttentionProblem, DType, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias};
use serde::{Deserialize, Serialize};

use crate::error::BenchError;

/// A plain self- or cross-attention problem with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Name in tables.
    pub name: String,
    /// B.
    pub batch: u32,
    /// S.
    pub q_len: u32,
    /// L.
    pub kv_len: u32,
    /// N.
    pub heads: u32,
    /// H, of keys and values.
    pub head_size: u32,
    /// Whether causality holds.
    pub causal: bool,
    /// Where such a problem occurs.
    #[serde(default, rename = "from", skip_serializing_if = "String::is_empty")]
    pub origin: String,
}

impl Shape {
    /// The built-in shapes.
    ///
    /// # Errors
    /// [`BenchError::Json`] where the built-in list is damaged.
    pub fn built_in() -> Result<Vec<Shape>, BenchError> {
        Ok(serde_json::from_str(include_str!("../data/shapes.json"))?)
    }

    /// Sequence lengths from 128 to 16384 at 16 heads of 64.
    pub fn sweep() -> Vec<Shape> {
        (7..=14).map(|power| Shape::square(&format!("sweep-{}", 1 << power), 1 << power)).collect()
    }

    /// `len` queries over `len` keys, with 16 heads of 64.
    pub fn square(name: &str, len: u32) -> Shape {
        Shape {
            name: name.to_owned(),
            batch: 1,
            q_len: len,
            kv_len: len,
            heads: 16,
            head_size: 64,
            causal: false,
            origin: "sequence length sweep".to_owned(),
        }
    }

    /// The problem it stands for.
    pub fn problem(&self, dtype: DType) -> AttentionProblem {
        AttentionProblem {
            dtype,
            layout: Layout::Plain,
            batch: self.batch,
            num_heads: self.heads,
            q_len: self.q_len,
            kv_len: self.kv_len,
            head_size: self.head_size,
            v_head_size: self.head_size,
            past: Past::None,
            beam_width: None,
            projection_bias: ProjectionBias::None,
            padding_mask: PaddingMask::None,
            attention_bias: None,
            causal: self.causal && self.q_len > 1,
            scale: (self.head_size as f32).sqrt().recip(),
            mask_filter_value: -10000.0,
            present: PresentOutputs::default(),
            qk: None,
        }
    }

    /// Floating-point operations that count: 4·B·N·S·L·H. Of the square of rows and keys under causality, half of them, and all of
    /// the last row's.
    pub fn flops(&self) -> f64 {
        let [q_len, kv_len] = [self.q_len, self.kv_len].map(f64::from);
        let square = q_len.min(kv_len);
        let pairs = match self.causal && self.q_len > 1 {
            true => (q_len - square) * kv_len + square * square / 2.0 + (kv_len - square),
            false => q_len * kv_len,
        };
        4.0 * f64::from(self.batch) * f64::from(self.heads) * pairs * f64::from(self.head_size)
    }

    /// Keys that a query row sees. The operator leaves the last row unrestricted.
    pub fn visible_keys(&self, row: u32) -> u32 {
        if self.causal && row + 1 < self.q_len { self.kv_len.min(row + 1) } else { self.kv_len }
    }

    /// Elements of the larger of query and key.
    pub fn largest_tensor(&self) -> u64 {
        let lengths = u64::from(self.q_len.max(self.kv_len));
        [self.batch, self.heads, self.head_size]
            .into_iter()
            .fold(lengths, |product, size| product.saturating_mul(size.into()))
    }

    /// Its sizes, for a reader.
    pub fn sizes(&self) -> String {
        let causal = if self.causal { ", causal" } else { "" };
        format!(
            "batch {}, {} heads of {}, {} × {}{causal}",
            self.batch, self.heads, self.head_size, self.q_len, self.kv_len
        )
    }

    /// Bytes that must move: every input read once, the output written once.
    pub fn bytes(&self, dtype: DType) -> f64 {
        let hidden = f64::from(self.batch) * f64::from(self.heads) * f64::from(self.head_size);
        2.0 * hidden * (f64::from(self.q_len) + f64::from(self.kv_len)) * dtype.size() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causal_work_is_that_of_the_pairs_that_are_seen() {
        for (q_len, kv_len) in [(64, 64), (1, 64), (64, 16), (16, 64)] {
            let shape = Shape { q_len, kv_len, causal: true, ..Shape::square("causal", 1) };
            let pairs: f64 = (0..q_len).map(|row| f64::from(shape.visible_keys(row))).sum();
            let exact = 4.0 * f64::from(shape.heads * shape.head_size) * pairs;
            // Half of a square leaves out half of its diagonal.
            let diagonal = if q_len > 1 { 0.5 * f64::from(q_len.min(kv_len)) / pairs } else { 0.0 };
            assert!((shape.flops() / exact - (1.0 - diagonal)).abs() < 1e-9, "{q_len} x {kv_len}");
        }
    }

    #[test]
    fn built_in_shapes_are_sound() {
        for shape in Shape::built_in().expect("the list is part of the program") {
            assert_eq!(shape.check(), Ok(()));
        }
    }
}
