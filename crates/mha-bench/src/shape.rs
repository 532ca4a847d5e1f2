//! [`Shape`]: the sizes of a benchmark problem.

use mha_spec::{AttentionProblem, DType, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias};
use serde::{Deserialize, Serialize};

use crate::error::BenchError;

/// A plain self- or cross-attention problem with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(default, rename = "from")]
    pub origin: String,
}

impl Shape {
    /// The built-in shapes.
    ///
    /// # Errors
    /// [`BenchError::Shapes`] where the built-in list is damaged.
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

    /// Floating-point operations that count: 4·B·N·S·L·H, half of it under causality.
    pub fn flops(&self) -> f64 {
        let product = f64::from(self.batch) * f64::from(self.heads) * f64::from(self.q_len) * f64::from(self.kv_len);
        let causal = if self.causal && self.q_len > 1 { 0.5 } else { 1.0 };
        4.0 * product * f64::from(self.head_size) * causal
    }

    /// Bytes that must move: every input read once, the output written once.
    pub fn bytes(&self, dtype: DType) -> f64 {
        let hidden = f64::from(self.batch) * f64::from(self.heads) * f64::from(self.head_size);
        2.0 * hidden * (f64::from(self.q_len) + f64::from(self.kv_len)) * dtype.size() as f64
    }
}
