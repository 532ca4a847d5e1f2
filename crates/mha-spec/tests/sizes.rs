//! Contract: sizes that can't be held are errors before anything is allocated, never a panic or a wrapped number.

mod common;

use common::{Call, plain};
use mha_spec::{DType, ErrorKind};

fn check(call: Call, kind: ErrorKind, message: &str) {
    let error = call.problem().expect_err(message);
    assert_eq!(error.to_string(), message);
    assert_eq!(error.kind(), kind, "{message}");
}

const MAX: i64 = i32::MAX as i64;

#[test]
fn dimensions() {
    let rule = "every dimension must be from 0 to 2147483647";
    for dim in [-1, MAX + 1, i64::MIN, i64::MAX] {
        check(
            plain().key(&[2, dim, 16]),
            ErrorKind::InvalidArgument,
            &format!("{rule}; got key of shape (2, {dim}, 16)"),
        );
        check(
            plain().cache_indirection(&[dim, 2, 2]),
            ErrorKind::InvalidArgument,
            &format!("{rule}; got cache_indirection of shape ({dim}, 2, 2)"),
        );
    }
}

#[test]
fn past_sequence_length_without_past_is_ignored_whatever_it_is() {
    for (shape, data) in [(vec![-1], vec![]), (vec![i64::MAX, 2], vec![-1, 5])] {
        let call = plain().with(|call| call.past_sequence_length = Some((shape, data)));
        assert_eq!(call.problem(), plain().problem());
    }
}

#[test]
fn total_length() {
    check(
        plain().key(&[2, 1, 16]).value(&[2, 1, 16]).past(&[2, 2, MAX, 8]),
        ErrorKind::Fail,
        "keys, past and new ones together, must be at most 2147483647; got 2147483648",
    );
}

#[test]
fn rows() {
    check(
        Call::new(4, &[1 << 16, 1 << 14, 4]).key(&[1 << 16, 1, 4]).value(&[1 << 16, 1, 4]),
        ErrorKind::Fail,
        "rows of all heads (batch * num_heads * q_len) must be at most 4294967295; got 4294967296",
    );
}

#[test]
fn tensors() {
    // 2^16 · (2^31 - 1) · 2^16 · 4 bytes of qk.
    check(
        Call::new(1, &[1 << 16, 1 << 15, 1]).key(&[1 << 16, MAX, 1]).value(&[1 << 16, MAX, 1]).qk(DType::F32),
        ErrorKind::Fail,
        &format!("bytes of qk must be at most {}; got 18446744065119617024", i64::MAX),
    );
    // The value of that call alone is 2^49 bytes, which addresses hold.
    let call = Call::new(1, &[1 << 16, 1 << 15, 1]).key(&[1 << 16, MAX, 1]).value(&[1 << 16, MAX, 1]);
    assert!(call.problem().is_ok());
    check(
        Call::new(1, &[1 << 20, 1, 1]).key(&[1 << 20, MAX, 1]).value(&[1 << 20, MAX, 1 << 20]),
        ErrorKind::Fail,
        &format!("bytes of value must be at most {}; got {}", i64::MAX, (MAX as u128) << 42),
    );
}

#[test]
fn products_beyond_any_integer() {
    let huge = |batch| Call::new(1, &[batch, 1, MAX]).key(&[batch, MAX, MAX]).value(&[batch, MAX, MAX]);
    let error = huge(MAX).problem().unwrap_err();
    assert!(error.to_string().starts_with("bytes of query must be at most"), "{error}");
    assert!(huge(0).problem().is_ok(), "an empty batch has no bytes");
}
