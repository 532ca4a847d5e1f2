//! Contract: padding, causality and attention_bias combine as the operator defines, in every lane: causality replaces
//! padding, its diagonal begins after the past, the last row is never restricted, and a mask value of any size does what
//! float32 addition does.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{DTYPES, Failures, LANES, elements, lane, matrices, run, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::{DeviceCaps, Lane};
use mha_spec::{AttentionBias, AttentionProblem, DType, PaddingMask, Past};
use mha_testkit::{Case, Expected, plain};

/// (S, L, P) for causal calls: wide and tall ones, after a past and without, and some that need several tiles.
const CAUSAL: [(u32, u32, u32); 8] =
    [(3, 5, 0), (3, 5, 2), (5, 3, 0), (9, 9, 6), (37, 37, 0), (40, 70, 0), (70, 40, 0), (35, 18, 41)];

/// The same for calls where every row sees all keys, which a past changes nothing about.
const FULL: [(u32, u32, u32); 4] = [(1, 5, 0), (3, 5, 0), (37, 37, 0), (40, 70, 0)];

/// -1e30 is what some exporters write for minus infinity: beside it, f32 keeps nothing of a score.
const FILTERS: [f32; 6] = [-10_000.0, f32::MIN, f32::NEG_INFINITY, 5.0, -2.5, -1e30];

/// Dimensions 0 and 1 of attention_bias, for B = 2 and N = 3.
const BROADCASTS: [AttentionBias; 4] = {
    const fn bias(batch: u32, heads: u32) -> AttentionBias {
        AttentionBias { batch, heads, batch_divisor: 1 }
    }
    [bias(1, 1), bias(2, 1), bias(1, 3), bias(2, 3)]
};

fn main() -> ExitCode {
    use PaddingMask::{KeyLengths, Keys, None, QueryKeys};
    let mut tests = Vec::new();
    for choice in LANES {
        // Masks are int32 and scores float32 in both types: float16 needs no more than a look.
        for (dtype, masks) in [(DType::F32, &[None, KeyLengths, Keys, QueryKeys][..]), (DType::F16, &[QueryKeys])] {
            for &mask in masks {
                for causal in [false, true] {
                    let how = if causal { "causal" } else { "full" };
                    let name = format!("{}_{}_{mask:?}_{how}", choice.name(), dtype.name());
                    tests.push(test(name, dtype, move |gpu| combinations(gpu, choice, dtype, mask, causal)));
                }
            }
        }
    }
    for mask in [None, KeyLengths, Keys, QueryKeys] {
        for causal in [false, true] {
            let how = if causal { "causal" } else { "full" };
            for dtype in DTYPES {
                for (choice, needs) in [(Lane::Matrix, matrices as fn(&DeviceCaps) -> _), (Lane::Fragment, elements)] {
                    let run = move |gpu: &Arc<Gpu>| combinations(gpu, choice, dtype, mask, causal);
                    let name = format!("{}_{}_{mask:?}_{how}", choice.name(), dtype.name());
                    tests.push(test(name, dtype, run).needing(needs));
                }
            }
        }
    }
    common::main(GpuSettings::default(), tests)
}

/// One form of mask, against every length; filter values and broadcasts take turns.
fn combinations(gpu: &Gpu, choice: Lane, dtype: DType, mask: PaddingMask, causal: bool) -> Result<(), String> {
    let mut failures = Failures::default();
    let lengths = if causal { &CAUSAL[..] } else { &FULL[..] };
    for (i, &(q_len, kv_len, past_len)) in lengths.iter().enumerate() {
        let filters = if mask == PaddingMask::None { &FILTERS[..1] } else { &FILTERS[..] };
        for (j, &mask_filter_value) in filters.iter().enumerate() {
            for with_bias in [false, true] {
                let problem = AttentionProblem {
                    dtype,
                    past: if past_len == 0 { Past::None } else { Past::Growing { len: past_len } },
                    padding_mask: mask,
                    attention_bias: with_bias.then(|| BROADCASTS[(i + j) % 4]),
                    causal: causal && q_len > 1,
                    mask_filter_value,
                    qk: (i == 0).then_some(DType::F32),
                    ..plain(2, 3, q_len, kv_len, 8)
                };
                failures.take(check(gpu, choice, &Case::new(problem, (i * 10 + j) as u64)));
            }
        }
    }
    failures.done()
}

/// Compares a case on a lane. Where the answer is NaN, a row of -inf only, any value will do, as long as no other row is
/// touched: shader languages promise no NaN.
fn check(gpu: &Gpu, choice: Lane, case: &Case) -> Result<(), String> {
    let told = |what: String| format!("{}, seed {}: {what}\n  {:?}", choice.name(), case.seed, case.problem);
    let expected = Expected::of(case).with_anything_for_nan();
    let plan = match mha_plan::plan(&case.problem, gpu.caps(), &lane(choice)) {
        Ok(plan) => plan,
        Err(refusal) => return Err(told(refusal.to_string())),
    };
    let outputs = run(gpu, case, &plan, &expected).map_err(told)?;
    outputs.iter().try_for_each(|(tensor, bytes)| expected.check(*tensor, bytes).map_err(|m| told(m.to_string())))
}
