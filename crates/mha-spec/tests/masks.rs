//! Contract: which form each mask and attention_bias takes.

mod common;

use common::{Call, packed_kv, packed_qkv, plain, pre_split};
use mha_spec::{AttentionBias, PaddingMask};

fn check(call: Call, mask: PaddingMask) {
    assert_eq!(call.problem().unwrap().padding_mask, mask);
}

#[test]
fn forms() {
    check(plain(), PaddingMask::None);
    check(plain().mask(&[2]), PaddingMask::KeyLengths);
    check(plain().mask(&[8]), PaddingMask::KeyLengths);
    check(plain().mask(&[2, 5]), PaddingMask::Keys);
    check(plain().mask(&[2, 3, 5]), PaddingMask::QueryKeys);
    check(pre_split().mask(&[2, 3, 5]), PaddingMask::QueryKeys);
    check(packed_kv().mask(&[2, 5]), PaddingMask::Keys);
    check(packed_qkv().mask(&[2, 3]), PaddingMask::Keys);
}

#[test]
fn widths_include_the_past() {
    let past = plain().past(&[2, 2, 4, 8]);
    check(past.clone().mask(&[2]), PaddingMask::KeyLengths);
    check(past.clone().mask(&[2, 9]), PaddingMask::Keys);
    check(past.mask(&[2, 3, 9]), PaddingMask::QueryKeys);
    // With a shared buffer: as wide as what is used of it.
    check(plain().past(&[2, 2, 12, 8]).shared(4).mask(&[2, 9]), PaddingMask::Keys);
}

#[test]
fn a_batch_of_five_keys_is_no_mask_of_five_rows() {
    // (B,T) and (B,S,T) with B = T and S = T; (3B+2) with B = 1 is 5.
    let square = Call::new(2, &[3, 3, 16]).key(&[3, 3, 16]).value(&[3, 3, 16]);
    check(square.clone().mask(&[3]), PaddingMask::KeyLengths);
    check(square.clone().mask(&[3, 3]), PaddingMask::Keys);
    check(square.mask(&[3, 3, 3]), PaddingMask::QueryKeys);
    let one = Call::new(2, &[1, 5, 16]).key(&[1, 5, 16]).value(&[1, 5, 16]);
    check(one.mask(&[5]), PaddingMask::KeyLengths);
}

#[test]
fn attention_bias_broadcasts() {
    for batch in [1, 2] {
        for heads in [1, 2] {
            let p = plain().attention_bias(&[batch, heads, 3, 5]).problem().unwrap();
            let expected = AttentionBias { batch: batch as u32, heads: heads as u32, batch_divisor: 1 };
            assert_eq!(p.attention_bias, Some(expected));
        }
    }
    let p = plain().past(&[2, 2, 4, 8]).attention_bias(&[1, 1, 3, 9]).problem().unwrap();
    assert_eq!(p.attention_bias, Some(AttentionBias { batch: 1, heads: 1, batch_divisor: 1 }));
}
