//! Contract: a comparison passes what the tolerance allows and reports the worst of what it does not.

use mha_plan::Tensor;
use mha_spec::{DType, PaddingMask};
use mha_testkit::case::float_bytes;
use mha_testkit::{Case, Expected, plain};

/// The reference's own output of a case.
fn answer(case: &Case) -> Vec<f64> {
    mha_reference::attention(&case.problem, &case.inputs).output
}

#[test]
fn float32_errors_beyond_1e_5_are_reported() {
    let case = Case::new(plain(1, 2, 3, 4, 8), 1);
    let expected = Expected::of(&case);
    let mut values = answer(&case);
    values[17] += 0.9e-5;
    assert_eq!(expected.check(Tensor::Output, &float_bytes(&values, DType::F32)), Ok(()));
    values[20] += 1.0;
    values[33] -= 3.0;
    let mismatch = expected.check(Tensor::Output, &float_bytes(&values, DType::F32)).unwrap_err();
    assert_eq!((mismatch.differing, mismatch.total), (2, 48));
    let text = mismatch.to_string();
    assert!(text.starts_with("Output of shape [1, 3, 16]: 2 of 48 values are off, most at [0, 2, 1]: got "), "{text}");
}

#[test]
fn not_a_number_is_the_worst() {
    let case = Case::new(plain(1, 1, 1, 2, 4), 1);
    let mut values = answer(&case);
    values[0] += 100.0;
    values[2] = f64::NAN;
    let mismatch = Expected::of(&case).check(Tensor::Output, &float_bytes(&values, DType::F32)).unwrap_err();
    assert_eq!(mismatch.worst.unwrap().index, 2);
}

#[test]
fn float16_allows_its_rounding_and_2e_3() {
    let mut problem = plain(1, 1, 2, 3, 8);
    problem.dtype = DType::F16;
    let case = Case::new(problem, 1);
    let expected = Expected::of(&case);
    let values = answer(&case);
    assert_eq!(expected.check(Tensor::Output, &float_bytes(&values, DType::F16)), Ok(()));
    let off: Vec<f64> = values.iter().map(|v| v + 5e-3).collect();
    assert_eq!(expected.check(Tensor::Output, &float_bytes(&off, DType::F16)).unwrap_err().differing, 16);
}

#[test]
fn rows_of_padding_alone_may_be_off_by_their_grid() {
    let mut problem = plain(1, 1, 2, 3, 8);
    problem.padding_mask = PaddingMask::QueryKeys;
    let mut case = Case::new(problem, 1);
    case.inputs.padding_mask = vec![0, 0, 0, 0, 1, 1];
    let expected = Expected::of(&case);
    let mut values = answer(&case);
    values[3] += 5e-4;
    assert_eq!(expected.check(Tensor::Output, &float_bytes(&values, DType::F32)), Ok(()));
    values[8 + 3] += 5e-4;
    assert_eq!(expected.check(Tensor::Output, &float_bytes(&values, DType::F32)).unwrap_err().differing, 1);
}

#[test]
fn scores_beyond_float16_are_infinite() {
    let mut problem = plain(1, 1, 1, 2, 4);
    (problem.dtype, problem.qk) = (DType::F16, Some(DType::F16));
    (problem.padding_mask, problem.mask_filter_value) = (PaddingMask::Keys, f32::MIN);
    let mut case = Case::new(problem, 1);
    case.inputs.padding_mask = vec![1, 0];
    let expected = Expected::of(&case);
    let scores = mha_reference::attention(&case.problem, &case.inputs).qk;
    assert_eq!(expected.check(Tensor::Qk, &float_bytes(&[scores[0], f64::NEG_INFINITY], DType::F16)), Ok(()));
    assert!(expected.check(Tensor::Qk, &float_bytes(&[scores[0], -65504.0], DType::F16)).is_err());
}

#[test]
fn a_wrong_length_is_reported() {
    let case = Case::new(plain(1, 1, 1, 2, 4), 1);
    let mismatch = Expected::of(&case).check(Tensor::Output, &[0; 12]).unwrap_err();
    assert_eq!(mismatch.to_string(), "Output of shape [1, 1, 4] has 12 bytes");
}
