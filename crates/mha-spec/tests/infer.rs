//! Contract: shape inference tells every output dimension that can be told before the inputs exist, and no wrong one.

use mha_spec::SpecError;
use mha_spec::infer::Dim::{Known, Symbol, Unknown};
use mha_spec::infer::{Dim, InferredShapes, InputDims, InputsKnown, infer};

use InputDims::{Absent, Ranked, UnknownRank};

fn check(
    inputs: InputsKnown<'_>,
    output: [Dim<'_>; 3],
    present_key: [Dim<'_>; 4],
    present_value: [Dim<'_>; 4],
    qk: [Dim<'_>; 4],
) {
    assert_eq!(infer(2, &inputs), Ok(InferredShapes { output, present_key, present_value, qk }));
}

const B: Dim<'static> = Symbol("batch");
const S: Dim<'static> = Symbol("rows");
const L: Dim<'static> = Symbol("keys");
const N: Dim<'static> = Known(2);
const H: Dim<'static> = Known(8);
const D: Dim<'static> = Known(16);

#[test]
fn names_pass_through() {
    check(
        InputsKnown {
            query: Ranked(&[B, S, D]),
            key: Ranked(&[B, L, D]),
            value: Ranked(&[B, L, Known(40)]),
            ..Default::default()
        },
        [B, S, Known(40)],
        [B, N, L, H],
        [B, N, L, Known(20)],
        [B, N, S, L],
    );
}

#[test]
fn layouts() {
    let split = &[B, N, L, H];
    check(
        InputsKnown { query: Ranked(&[B, S, D]), key: Ranked(split), value: Ranked(split), ..Default::default() },
        [B, S, D],
        [B, N, L, H],
        [B, N, L, H],
        [B, N, S, L],
    );
    check(
        InputsKnown { query: Ranked(&[B, S, D]), key: Ranked(&[B, L, N, Known(2), H]), ..Default::default() },
        [B, S, D],
        [B, N, L, H],
        [B, N, L, H],
        [B, N, S, L],
    );
    check(
        InputsKnown { query: Ranked(&[B, S, N, Known(3), H]), ..Default::default() },
        [B, S, D],
        [B, N, S, H],
        [B, N, S, H],
        [B, N, S, S],
    );
}

#[test]
fn pasts() {
    let with = |past_len, kv_len, past_sequence_length| {
        let past_key = [B, N, past_len, H];
        let key = [B, kv_len, D];
        let inputs = InputsKnown {
            query: Ranked(&[B, S, D]),
            key: Ranked(&key),
            value: Ranked(&key),
            past_key: Ranked(&past_key),
            past_sequence_length,
        };
        let shapes = infer(2, &inputs).unwrap();
        (format!("{:?}", shapes.present_key[2]), format!("{:?}", shapes.qk[3]))
    };
    let text = |dim: Dim<'_>| format!("{dim:?}");
    assert_eq!(with(Known(4), Known(5), false), (text(Known(9)), text(Known(9))));
    assert_eq!(with(Known(0), L, false), (text(L), text(L)));
    assert_eq!(with(Symbol("past"), L, false), (text(Unknown), text(Unknown)));
    assert_eq!(with(Known(4), L, true), (text(Known(4)), text(Unknown)));
    assert_eq!(with(Symbol("buffer"), Known(1), true), (text(Symbol("buffer")), text(Unknown)));
}

#[test]
fn pre_split_keys_read_the_past_where_these_outputs_are_asked_for() {
    let key = &[B, N, Known(5), H];
    check(
        InputsKnown {
            query: Ranked(&[B, S, D]),
            key: Ranked(key),
            value: Ranked(key),
            past_key: Ranked(&[B, N, Known(4), H]),
            past_sequence_length: false,
        },
        [B, S, D],
        [B, N, Known(9), H],
        [B, N, Known(9), H],
        [B, N, S, Known(9)],
    );
}

#[test]
fn nothing_known_leaves_ranks() {
    check(
        InputsKnown { query: UnknownRank, key: UnknownRank, value: UnknownRank, ..Default::default() },
        [Unknown; 3],
        [Unknown, N, Unknown, Unknown],
        [Unknown, N, Unknown, Unknown],
        [Unknown, N, Unknown, Unknown],
    );
    check(
        InputsKnown {
            query: Ranked(&[Unknown, Unknown, Symbol("hidden")]),
            key: UnknownRank,
            value: UnknownRank,
            ..Default::default()
        },
        [Unknown; 3],
        [Unknown, N, Unknown, Unknown],
        [Unknown, N, Unknown, Unknown],
        [Unknown, N, Unknown, Unknown],
    );
}

#[test]
fn ranks_that_no_layout_has() {
    let query = InputsKnown { query: Ranked(&[B, Known(16)]), key: Absent, ..Default::default() };
    assert_eq!(infer(2, &query).unwrap_err().to_string(), "query must have 3 or 5 dimensions; got (-1, 16)");
    let key =
        InputsKnown { query: Ranked(&[B, S, D]), key: Ranked(&[D, D]), value: Ranked(&[D]), ..Default::default() };
    assert!(matches!(infer(2, &key), Err(SpecError::KeyValueRanks { .. })));
}
