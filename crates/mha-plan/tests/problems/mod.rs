//! Problems for planner tests.
#![allow(dead_code, reason = "each test file uses its part")]

use mha_spec::{AttentionProblem, PaddingMask, Past, PresentOutputs, ProjectionBias};
use mha_testkit::plain;

/// The sizes of a plain problem.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub batch: u32,
    pub num_heads: u32,
    pub q_len: u32,
    pub kv_len: u32,
    pub head_size: u32,
    pub v_head_size: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Shape { batch: 1, num_heads: 16, q_len: 4096, kv_len: 4096, head_size: 64, v_head_size: 64 }
    }
}

pub fn problem(shape: Shape) -> AttentionProblem {
    let Shape { batch, num_heads, q_len, kv_len, head_size, v_head_size } = shape;
    AttentionProblem { v_head_size, ..plain(batch, num_heads, q_len, kv_len, head_size) }
}

/// Typical problems by name.
pub fn named() -> Vec<(&'static str, AttentionProblem)> {
    let of = |batch, num_heads, q_len, kv_len, head_size| {
        problem(Shape { batch, num_heads, q_len, kv_len, head_size, v_head_size: head_size })
    };
    let whisper_decoder = AttentionProblem {
        past: Past::Growing { len: 200 },
        projection_bias: ProjectionBias::QueryKeyValue,
        present: PresentOutputs { key: true, value: true },
        ..of(1, 20, 1, 1, 64)
    };
    vec![
        ("lightonocr-4k", of(1, 16, 4096, 4096, 64)),
        ("whisper-encoder", of(1, 20, 1500, 1500, 64)),
        ("vit-l-336", of(1, 16, 577, 577, 64)),
        ("bert-64", of(1, 12, 64, 64, 64)),
        ("sd15-self", of(2, 8, 4096, 4096, 40)),
        ("sd15-cross", of(2, 8, 4096, 77, 40)),
        ("llm-prefill", AttentionProblem { causal: true, ..of(1, 32, 2048, 2048, 128) }),
        ("llm-decode", of(1, 32, 1, 4096, 128)),
        ("whisper-step", whisper_decoder),
        ("speculative-8", of(1, 32, 8, 1024, 128)),
        ("head-256", of(1, 8, 512, 512, 256)),
        ("head-320", of(1, 8, 512, 512, 320)),
        ("head-3", of(2, 2, 100, 100, 3)),
        ("value-80", problem(Shape { v_head_size: 80, q_len: 300, kv_len: 300, ..Shape::default() })),
        (
            "padded-bias",
            AttentionProblem {
                padding_mask: PaddingMask::Keys,
                projection_bias: ProjectionBias::QueryKeyValue,
                ..of(8, 12, 128, 128, 64)
            },
        ),
    ]
}
