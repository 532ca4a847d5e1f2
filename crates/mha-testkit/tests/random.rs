//! Contract: random problems are reproducible, valid, and reach every feature of the operator.

use std::collections::BTreeSet;

use mha_spec::{DType, Past, check_cache_indirection};
use mha_testkit::{Case, Expected, random};

const SEEDS: u64 = 16_000;

#[test]
fn a_seed_gives_one_case() {
    for seed in [0, 1, 77] {
        let (a, b) = (Case::random(seed, DType::F16), Case::random(seed, DType::F16));
        assert_eq!(a.problem, b.problem);
        assert_eq!(a.bytes(), b.bytes());
    }
    assert_ne!(Case::random(3, DType::F32).bytes(), Case::random(4, DType::F32).bytes());
}

#[test]
fn every_feature_is_reached() {
    let mut seen = BTreeSet::new();
    for seed in 0..SEEDS {
        for dtype in [DType::F32, DType::F16] {
            let p = random::problem(seed, dtype);
            assert_eq!(p.dtype, dtype);
            seen.insert(format!("layout {:?}", p.layout));
            seen.insert(format!("mask {:?}", p.padding_mask));
            seen.insert(format!("projection bias {:?}", p.projection_bias));
            seen.insert(format!("present {:?}", p.present));
            seen.insert(format!("qk {:?} of {dtype:?}", p.qk));
            seen.insert(format!("causal {}", p.causal));
            seen.insert(format!("filter {}", p.mask_filter_value));
            seen.insert(format!("beams of {:?}", p.beam_width));
            seen.insert(format!("head size {}", p.head_size));
            seen.insert(format!(
                "rows {}",
                if p.q_len == 1 {
                    "one"
                } else if p.q_len <= 16 {
                    "few"
                } else {
                    "many"
                }
            ));
            seen.insert(format!("wide value {}", p.v_head_size > p.head_size));
            if let Some(bias) = p.attention_bias {
                seen.insert(format!("attention bias {} {} {}", bias.batch > 1, bias.heads > 1, bias.batch_divisor > 1));
            }
            seen.insert(match p.past {
                Past::None => "no past".into(),
                Past::Growing { len } => format!("growing from nothing {}", len == 0),
                Past::Shared { len, capacity } => {
                    format!("shared from nothing {}, full {}", len == 0, len + p.kv_len == capacity)
                }
            });
        }
    }
    let count = |prefix: &str| seen.iter().filter(|feature| feature.starts_with(prefix)).count();
    let expected = [
        ("layout", 4),
        ("mask", 5),
        ("projection bias", 3),
        ("present", 4),
        ("qk", 5),
        ("causal", 2),
        ("filter", 4),
        ("beams of", 5),
        ("head size", 30),
        ("rows", 3),
        ("wide value", 2),
        ("attention bias", 6),
        ("no past", 1),
        ("growing", 2),
        ("shared", 4),
    ];
    for (prefix, reached) in expected {
        assert_eq!(count(prefix), reached, "{prefix}: {seen:#?}");
    }
}

#[test]
fn indices_are_valid_and_results_are_numbers() {
    for seed in (0..SEEDS).step_by(17) {
        let case = Case::random(seed, DType::F32);
        assert_eq!(check_cache_indirection(&case.problem, &case.inputs.cache_indirection), Ok(()));
        let expected = Expected::of(&case);
        let output = mha_reference::attention(&case.problem, &case.inputs).output;
        assert!(output.iter().all(|v| v.is_finite()), "seed {seed}: {:?}", case.problem);
        let bytes = mha_testkit::case::float_bytes(&output, DType::F32);
        assert_eq!(expected.check(mha_plan::Tensor::Output, &bytes), Ok(()), "seed {seed}");
    }
}
