//! Contract: when a past grows, is shared, is gathered by beams, or is not read at all.

mod common;

use common::{Call, beams, plain, pre_split};
use mha_spec::{AttentionBias, DType, PaddingMask, Past};

fn check(call: Call, past: Past) {
    assert_eq!(call.problem().unwrap().past, past);
}

#[test]
fn growing() {
    check(plain(), Past::None);
    check(plain().past(&[2, 2, 4, 8]), Past::Growing { len: 4 });
    check(plain().past(&[2, 2, 0, 8]), Past::Growing { len: 0 });
    check(plain().key(&[2, 0, 16]).value(&[2, 0, 16]).past(&[2, 2, 4, 8]), Past::Growing { len: 4 });
    // With one present or none as well: the result is the same.
    check(plain().past(&[2, 2, 4, 8]).presents(true, false), Past::Growing { len: 4 });
}

#[test]
fn shared() {
    check(plain().past(&[2, 2, 9, 8]).shared(4), Past::Shared { len: 4, capacity: 9 });
    check(plain().past(&[2, 2, 9, 8]).shared(0), Past::Shared { len: 0, capacity: 9 });
    check(pre_split().past(&[2, 2, 9, 8]).shared(4), Past::Shared { len: 4, capacity: 9 });
    let scalar = plain().past(&[2, 2, 9, 8]).shared(4).with(|call| call.past_sequence_length = Some((vec![], vec![4])));
    check(scalar, Past::Shared { len: 4, capacity: 9 });
}

#[test]
fn pre_split_keys_leave_a_growing_past_unread_where_nothing_shows_its_length() {
    let call = || pre_split().past(&[2, 2, 4, 8]);
    check(call(), Past::None);
    check(call().mask(&[2]), Past::None);
    check(call().bias(&[48]), Past::None);
    check(call().with(|call| call.attributes.unidirectional = Some(1)), Past::None);
    let read = Past::Growing { len: 4 };
    check(call().presents(true, true), read);
    check(call().presents(true, false), read);
    check(call().presents(false, true), read);
    check(call().qk(DType::F32), read);
    check(call().mask(&[2, 9]), read);
    check(call().mask(&[2, 3, 9]), read);
    check(call().attention_bias(&[1, 1, 3, 9]), read);
}

#[test]
fn beams_are_in_force() {
    let p = beams().problem().unwrap();
    assert_eq!((p.beam_width, p.past), (Some(2), Past::Shared { len: 3, capacity: 6 }));
    let p = beams().mask(&[4, 4]).problem().unwrap();
    assert_eq!((p.beam_width, p.padding_mask), (Some(2), PaddingMask::BeamKeys));
    let p = beams().cache_indirection(&[1, 4, 6]).attention_bias(&[4, 2, 1, 4]).problem().unwrap();
    assert_eq!(p.attention_bias, Some(AttentionBias { batch: 4, heads: 2, batch_divisor: 4 }));
    let p = beams().attention_bias(&[1, 2, 1, 4]).problem().unwrap();
    assert_eq!(p.attention_bias, Some(AttentionBias { batch: 1, heads: 2, batch_divisor: 1 }));
}

#[test]
fn beams_are_ignored() {
    let ignored = |call: Call| {
        let p = call.problem().unwrap();
        assert_eq!(p.beam_width, None);
        assert_ne!(p.padding_mask, PaddingMask::BeamKeys);
        assert!(p.attention_bias.is_none_or(|bias| bias.batch_divisor == 1));
    };
    ignored(beams().with(|call| call.query[1] = 2).mask(&[4, 4]).attention_bias(&[4, 2, 2, 4]));
    ignored(beams().with(|call| call.query[1] = 0));
    ignored(beams().shared(0));
    ignored(beams().mask(&[4]));
    ignored(beams().mask(&[14]));
    ignored(beams().mask(&[4, 1, 4]));
    ignored(beams().key(&[4, 2, 1, 8]).value(&[4, 2, 1, 8]));
    // Without past_sequence_length, with any dimension 2.
    ignored(beams().cache_indirection(&[2, 2, 99]).with(|call| call.past_sequence_length = None));
    ignored(plain().cache_indirection(&[1, 2, 0]));
    // Nothing to gather in an empty batch.
    let empty = Call::new(2, &[0, 1, 16]).key(&[0, 1, 16]).value(&[0, 1, 16]).past(&[0, 2, 6, 8]).shared(3);
    ignored(empty.cache_indirection(&[7, 0, 6]));
}
