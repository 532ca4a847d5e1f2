//! Tensors to measure with, and problems small enough for it.

use half::f16;
use mha_plan::{DeviceCaps, Plan, Tensor, fills};
use mha_spec::{AttentionBias, AttentionProblem, DType, PaddingMask};

/// Numbers that repeat through a tensor: more than any cache line, fewer than take time to make.
const BLOCK: usize = 1 << 16;

/// Inputs of a plan, all of them.
pub(crate) fn inputs(problem: &AttentionProblem, plan: &Plan) -> Vec<(Tensor, Vec<u8>)> {
    let tensors = plan.tensors.iter().filter(|(tensor, _)| !tensor.is_output());
    tensors.enumerate().map(|(seed, &(tensor, bytes))| (tensor, content(problem, tensor, bytes, seed as u64))).collect()
}

fn content(problem: &AttentionProblem, tensor: Tensor, bytes: u64, seed: u64) -> Vec<u8> {
    match tensor {
        // Every beam has its own past.
        Tensor::CacheIndirection => vec![0; bytes as usize],
        Tensor::PaddingMask => {
            // Nothing is hidden: what a mask costs is looking at it.
            let shown = if problem.padding_mask == PaddingMask::KeyLengths { problem.total_len() } else { 1 };
            shown.to_ne_bytes().repeat(bytes as usize / 4)
        }
        _ => floats(problem.dtype, bytes, seed),
    }
}

/// Numbers with variance 1, so that scores are like those of models.
fn floats(dtype: DType, bytes: u64, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut number = || (2.0 * rng.f32() - 1.0) * 3f32.sqrt();
    let count = BLOCK.min((bytes / dtype.size()) as usize);
    let block: Vec<u8> = match dtype {
        DType::F32 => (0..count).flat_map(|_| number().to_ne_bytes()).collect(),
        DType::F16 => (0..count).flat_map(|_| f16::from_f32(number()).to_ne_bytes()).collect(),
    };
    block.into_iter().cycle().take(bytes as usize).collect()
}

/// The problem with half its heads, or half its batch rows; None where it has one of each, or would no longer fill the device.
pub(crate) fn halved(problem: &AttentionProblem, caps: &DeviceCaps) -> Option<AttentionProblem> {
    let mut half = problem.clone();
    if problem.num_heads > 1 {
        half.num_heads = problem.num_heads.div_ceil(2);
        let heads = |bias: AttentionBias| if bias.heads > 1 { half.num_heads } else { 1 };
        half.attention_bias = problem.attention_bias.map(|bias| AttentionBias { heads: heads(bias), ..bias });
    } else if problem.batch > 1 && problem.beam_width.is_none() {
        half.batch = problem.batch.div_ceil(2);
        let batch = |bias: AttentionBias| if bias.batch > 1 { half.batch } else { 1 };
        half.attention_bias = problem.attention_bias.map(|bias| AttentionBias { batch: batch(bias), ..bias });
    } else {
        return None;
    }
    fills(problem, caps).then_some(half)
}

#[cfg(test)]
mod tests {
    use mha_plan::{PlanOptions, devices, plan};
    use mha_spec::ProjectionBias;
    use mha_testkit::plain;

    use super::*;

    #[test]
    fn tensors_are_as_long_as_the_plan_says_and_spread_like_scores() {
        for dtype in [DType::F32, DType::F16] {
            let problem = AttentionProblem {
                dtype,
                padding_mask: PaddingMask::KeyLengths,
                projection_bias: ProjectionBias::QueryKeyValue,
                ..plain(2, 3, 700, 700, 64)
            };
            let plan = plan(&problem, &devices::h100(), &PlanOptions::default()).unwrap();
            let inputs = inputs(&problem, &plan);
            assert_eq!(inputs.len(), 5);
            for (tensor, content) in &inputs {
                let (_, bytes) = plan.tensors.iter().find(|(other, _)| other == tensor).unwrap();
                assert_eq!(content.len() as u64, *bytes, "{tensor:?}");
            }
            let mask = inputs.iter().find(|(tensor, _)| *tensor == Tensor::PaddingMask).unwrap();
            assert_eq!(mask.1, [700_u32.to_ne_bytes(), 700_u32.to_ne_bytes()].concat());
            let query: Vec<f64> = match dtype {
                DType::F32 => inputs[0].1.as_chunks().0.iter().map(|&b| f32::from_ne_bytes(b).into()).collect(),
                DType::F16 => inputs[0].1.as_chunks().0.iter().map(|&b| f16::from_ne_bytes(b).into()).collect(),
            };
            let variance = query.iter().map(|x| x * x).sum::<f64>() / query.len() as f64;
            assert!((variance - 1.0).abs() < 0.02, "{variance}");
            assert_ne!(inputs[0].1[..100], inputs[1].1[..100], "queries are no copy of keys");
        }
    }

    #[test]
    fn problems_are_halved_while_they_fill_the_device() {
        let caps = devices::h100();
        let mut problem = AttentionProblem {
            attention_bias: Some(AttentionBias { batch: 2, heads: 64, batch_divisor: 1 }),
            ..plain(2, 64, 4096, 4096, 64)
        };
        let mut halves = 0;
        while let Some(half) = halved(&problem, &caps) {
            assert!(mha_plan::plan(&half, &caps, &PlanOptions::default()).is_ok());
            assert_eq!(half.attention_bias.unwrap().heads, half.num_heads);
            problem = half;
            halves += 1;
        }
        // 2 x 64 heads of 4,096 rows, a lane to a row on matrices, are 16 times 32,768 lanes.
        assert_eq!((halves, problem.num_heads), (2, 16));
        assert_eq!(halved(&plain(1, 16, 64, 64, 64), &caps), None);
    }
}
