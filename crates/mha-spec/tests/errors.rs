//! Contract: every condition that the operator rejects gives an error that states the rule, then what was received, and
//! has the class that ONNX Runtime's CPU kernel reports.

mod common;

use common::{Call, beams, packed_kv, packed_qkv, plain, pre_split};
use mha_spec::ErrorKind::{Fail, InvalidArgument, InvalidGraph};
use mha_spec::{DType, ErrorKind, check_cache_indirection};

fn check(call: Call, kind: ErrorKind, message: &str) {
    let error = call.problem().expect_err(message);
    assert_eq!(error.to_string(), message);
    assert_eq!(error.kind(), kind, "{message}");
}

#[test]
fn num_heads() {
    let heads = |n| plain().with(|call| call.attributes.num_heads = n);
    check(heads(None), InvalidGraph, "attribute 'num_heads' is required; the node has none");
    check(heads(Some(0)), Fail, "attribute 'num_heads' must be greater than 0; got 0");
    check(heads(Some(-3)), Fail, "attribute 'num_heads' must be greater than 0; got -3");
    check(heads(Some(1 << 31)), Fail, "attribute 'num_heads' must be at most 2147483647; got 2147483648");
    check(
        heads(Some(3)),
        Fail,
        "num_heads must divide the hidden size (dimension 2) of query; got num_heads 3 and query of shape (2, 3, 16)",
    );
    check(
        heads(Some(17)),
        Fail,
        "num_heads must divide the hidden size (dimension 2) of query; got num_heads 17 and query of shape (2, 3, 16)",
    );
    check(
        plain().value(&[2, 5, 15]),
        Fail,
        "num_heads must divide the hidden size (dimension 2) of value; got num_heads 2 and value of shape (2, 5, 15)",
    );
}

#[test]
fn query() {
    check(Call::new(2, &[]), InvalidArgument, "query must have 3 or 5 dimensions; got ()");
    check(Call::new(2, &[2, 16]), InvalidArgument, "query must have 3 or 5 dimensions; got (2, 16)");
    check(Call::new(2, &[2, 3, 2, 8]), InvalidArgument, "query must have 3 or 5 dimensions; got (2, 3, 2, 8)");
    check(
        Call::new(2, &[2, 3, 48]),
        InvalidArgument,
        "key must be given unless query is packed (5-D); got only query of shape (2, 3, 48): the 3-D packed form is \
         not part of this operator",
    );
}

#[test]
fn packed_query() {
    let rule = "a packed query must be (batch, q_len, num_heads = 2, 3, head_size)";
    check(Call::new(2, &[2, 3, 4, 3, 8]), InvalidArgument, &format!("{rule}; got (2, 3, 4, 3, 8)"));
    check(Call::new(2, &[2, 3, 2, 2, 8]), InvalidArgument, &format!("{rule}; got (2, 3, 2, 2, 8)"));
    let rule = "a packed query (5-D) holds keys and values, so key and value must be absent";
    check(packed_qkv().key(&[2, 3, 16]), InvalidArgument, &format!("{rule}; got key of shape (2, 3, 16)"));
    check(packed_qkv().value(&[2, 3, 16]), InvalidArgument, &format!("{rule}; got value of shape (2, 3, 16)"));
}

#[test]
fn packed_key() {
    let rule = "a packed key must be (batch, kv_len, num_heads = 2, 2, head_size = 8)";
    for key in [[2, 5, 3, 2, 8], [2, 5, 2, 3, 8], [2, 5, 2, 2, 9]] {
        let got = format!("{rule}; got ({}, {}, {}, {}, {})", key[0], key[1], key[2], key[3], key[4]);
        check(packed_kv().key(&key), InvalidArgument, &got);
    }
    check(
        packed_kv().value(&[2, 5, 16]),
        InvalidArgument,
        "a packed key (5-D) holds values, so value must be absent; got (2, 5, 16)",
    );
    check(
        packed_kv().bias(&[48]),
        InvalidArgument,
        "bias must be absent with a packed key (5-D); got bias of shape (48)",
    );
    check(
        packed_kv().key(&[3, 5, 2, 2, 8]),
        InvalidArgument,
        "query, key and value must have one batch size, 2 as in query; got key of shape (3, 5, 2, 2, 8)",
    );
}

#[test]
fn key_and_value() {
    check(
        Call::new(2, &[2, 3, 16]).key(&[2, 5, 16]),
        InvalidArgument,
        "key without value must be packed: (batch, kv_len, num_heads, 2, head_size), 5 dimensions; got (2, 5, 16)",
    );
    check(
        Call::new(2, &[2, 3, 16]).value(&[2, 5, 16]),
        InvalidArgument,
        "value must be absent where key is; got value of shape (2, 5, 16)",
    );
    let rule = "key and value must both have 3 dimensions or both 4";
    check(plain().value(&[2, 2, 5, 8]), InvalidArgument, &format!("{rule}; got key (2, 5, 16) and value (2, 2, 5, 8)"));
    check(
        plain().key(&[2, 80]).value(&[2, 80]),
        InvalidArgument,
        &format!("{rule}; got key (2, 80) and value (2, 80)"),
    );
    let rule = "query, key and value must have one batch size, 2 as in query";
    check(plain().key(&[1, 5, 16]), InvalidArgument, &format!("{rule}; got key of shape (1, 5, 16)"));
    check(plain().value(&[3, 5, 16]), InvalidArgument, &format!("{rule}; got value of shape (3, 5, 16)"));
    check(
        plain().key(&[2, 5, 8]),
        InvalidArgument,
        "key must have the query's hidden size 16 as dimension 2; got (2, 5, 8)",
    );
    check(
        plain().value(&[2, 6, 16]),
        InvalidArgument,
        "key and value must have one length (dimension 1); got key (2, 5, 16) and value (2, 6, 16)",
    );
}

#[test]
fn keys_split_in_heads() {
    let rule = "a key split in heads must be (batch, num_heads = 2, kv_len, head_size = 8)";
    check(pre_split().key(&[2, 4, 5, 8]), InvalidArgument, &format!("{rule}; got (2, 4, 5, 8)"));
    check(pre_split().key(&[2, 2, 5, 4]), InvalidArgument, &format!("{rule}; got (2, 2, 5, 4)"));
    let rule = "a value split in heads must have the key's shape (2, 2, 5, 8)";
    check(pre_split().value(&[2, 2, 6, 8]), InvalidArgument, &format!("{rule}; got (2, 2, 6, 8)"));
    check(pre_split().value(&[2, 2, 5, 4]), InvalidArgument, &format!("{rule}; got (2, 2, 5, 4)"));
}

#[test]
fn empty_heads() {
    check(
        Call::new(2, &[2, 3, 0]).key(&[2, 5, 0]).value(&[2, 5, 16]),
        InvalidArgument,
        "the head size of query must be at least 1; got query of shape (2, 3, 0)",
    );
    check(
        plain().value(&[2, 5, 0]),
        InvalidArgument,
        "the head size of value must be at least 1; got value of shape (2, 5, 0)",
    );
    check(
        Call::new(2, &[2, 3, 2, 3, 0]),
        InvalidArgument,
        "the head size of query must be at least 1; got query of shape (2, 3, 2, 3, 0)",
    );
    check(
        Call::new(2, &[0, 3, 0]).key(&[0, 5, 2, 2, 0]),
        InvalidArgument,
        "the head size of query must be at least 1; got query of shape (0, 3, 0)",
    );
}

#[test]
fn bias() {
    check(plain().bias(&[1, 48]), InvalidArgument, "bias must have 1 dimension; got (1, 48)");
    check(plain().bias(&[32]), InvalidArgument, "bias must have 2 * hidden_size + v_hidden_size = 48 elements; got 32");
    // Never 3D where the value is wider, and all of it even where only the query part is read.
    check(
        plain().value(&[2, 5, 40]).bias(&[48]),
        InvalidArgument,
        "bias must have 2 * hidden_size + v_hidden_size = 72 elements; got 48",
    );
    check(
        pre_split().bias(&[16]),
        InvalidArgument,
        "bias must have 2 * hidden_size + v_hidden_size = 48 elements; got 16",
    );
}

#[test]
fn key_padding_mask() {
    let rule = |total_len| {
        format!(
            "key_padding_mask must be (batch), (3 * batch + 2), (batch, total_len) or (batch, q_len, total_len) with \
             batch = 2, q_len = 3, total_len = {total_len} (past included)"
        )
    };
    let shapes: [&[i64]; 8] = [&[], &[4], &[1], &[1, 5], &[2, 1, 5], &[2, 2, 3, 5], &[2, 3], &[2, 5, 3]];
    for shape in shapes {
        let got = shape.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        check(plain().mask(shape), InvalidArgument, &format!("{}; got ({got})", rule(5)));
    }
    // As wide as the new keys alone, with a past.
    let past = plain().past(&[2, 2, 4, 8]);
    check(past.clone().mask(&[2, 5]), InvalidArgument, &format!("{}; got (2, 5)", rule(9)));
    check(past.mask(&[2, 3, 5]), InvalidArgument, &format!("{}; got (2, 3, 5)", rule(9)));
}

#[test]
fn attention_bias() {
    let with = |shape: &[i64]| plain().attention_bias(shape);
    check(with(&[2, 3, 5]), InvalidArgument, "attention_bias must have 4 dimensions; got (2, 3, 5)");
    check(
        with(&[3, 2, 3, 5]),
        InvalidArgument,
        "attention_bias dimension 0 must be 1 or the batch size 2; got (3, 2, 3, 5)",
    );
    check(
        with(&[2, 3, 3, 5]),
        InvalidArgument,
        "attention_bias dimension 1 must be 1 or num_heads 2; got (2, 3, 3, 5)",
    );
    check(
        with(&[2, 2, 1, 5]),
        InvalidArgument,
        "attention_bias dimension 2 must be the query length 3; got (2, 2, 1, 5)",
    );
    check(
        with(&[2, 2, 3, 1]),
        InvalidArgument,
        "attention_bias dimension 3 must be the total key length 5, past included; got (2, 2, 3, 1)",
    );
    check(
        with(&[2, 2, 3, 5]).past(&[2, 2, 4, 8]),
        InvalidArgument,
        "attention_bias dimension 3 must be the total key length 9, past included; got (2, 2, 3, 5)",
    );
}

#[test]
fn past() {
    let key = |shape: &[i64]| plain().past(&[2, 2, 4, 8]).with(|call| call.past_key = Some(shape.to_vec()));
    let value = |shape: &[i64]| plain().past(&[2, 2, 4, 8]).with(|call| call.past_value = Some(shape.to_vec()));
    let rule = "past_key and past_value must both be given or both be absent; got only";
    check(
        plain().past(&[2, 2, 4, 8]).with(|call| call.past_value = None),
        InvalidArgument,
        &format!("{rule} past_key of shape (2, 2, 4, 8)"),
    );
    check(
        plain().past(&[2, 2, 4, 8]).with(|call| call.past_key = None),
        InvalidArgument,
        &format!("{rule} past_value of shape (2, 2, 4, 8)"),
    );
    for (input, with) in [("past_key", &key as &dyn Fn(&[i64]) -> Call), ("past_value", &value)] {
        check(with(&[2, 4, 16]), InvalidArgument, &format!("{input} must have 4 dimensions; got (2, 4, 16)"));
        check(
            with(&[3, 2, 4, 8]),
            InvalidArgument,
            &format!("{input} dimension 0 must be the batch size 2; got (3, 2, 4, 8)"),
        );
        check(
            with(&[2, 1, 4, 8]),
            InvalidArgument,
            &format!("{input} dimension 1 must be num_heads 2; got (2, 1, 4, 8)"),
        );
        check(
            with(&[2, 2, 4, 6]),
            InvalidArgument,
            &format!("{input} dimension 3 must be the head size 8; got (2, 2, 4, 6)"),
        );
    }
    check(
        value(&[2, 2, 3, 8]),
        InvalidArgument,
        "past_key and past_value must have one length (dimension 2); got (2, 2, 4, 8) and (2, 2, 3, 8)",
    );
    check(
        plain().value(&[2, 5, 40]).past(&[2, 2, 4, 8]),
        InvalidArgument,
        "with a past, the head sizes of query and value must be equal; got 8 and 20",
    );
    let rule = "past_key and past_value must be absent where query or key is packed (5-D)";
    check(packed_kv().past(&[2, 2, 4, 8]), InvalidArgument, &format!("{rule}; got past_key of shape (2, 2, 4, 8)"));
    check(packed_qkv().past(&[2, 2, 4, 8]), InvalidArgument, &format!("{rule}; got past_key of shape (2, 2, 4, 8)"));
}

#[test]
fn shared_buffer() {
    let call = |past_len| plain().past(&[2, 2, 9, 8]).shared(past_len);
    for (shape, data) in [(vec![2], vec![1, 1]), (vec![1, 1], vec![1]), (vec![0], vec![])] {
        let got = shape.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        check(
            call(1).with(|call| call.past_sequence_length = Some((shape, data))),
            InvalidArgument,
            &format!("past_sequence_length must hold one element, shape () or (1); got ({got})"),
        );
    }
    let rule = "past_sequence_length must be from 0 to less than the past's length (dimension 2) 9";
    for past_len in [-1, 9, 10, i32::MIN, i32::MAX] {
        check(call(past_len), InvalidArgument, &format!("{rule}; got {past_len}"));
    }
    check(
        call(5),
        InvalidArgument,
        "past_sequence_length + kv_len must be at most the past's length (dimension 2) 9; got 5 + 5",
    );
    let rule = "with past_key and past_sequence_length, outputs present_key and present_value are both required";
    check(call(1).presents(false, false), InvalidArgument, &format!("{rule}; got neither"));
    check(call(1).presents(true, false), InvalidArgument, &format!("{rule}; got only present_key"));
    check(call(1).presents(false, true), InvalidArgument, &format!("{rule}; got only present_value"));
    let split = pre_split().past(&[2, 2, 9, 8]).shared(1);
    check(split.presents(false, false), InvalidArgument, &format!("{rule}; got neither"));
}

#[test]
fn cache_indirection() {
    let with = |shape: &[i64]| beams().cache_indirection(shape);
    check(with(&[4, 6]), InvalidArgument, "cache_indirection must have 3 dimensions; got (4, 6)");
    check(
        with(&[2, 3, 6]),
        InvalidArgument,
        "cache_indirection dimension 0 times dimension 1 must be the batch size 4; got (2, 3, 6)",
    );
    check(
        with(&[2, 2, 5]),
        InvalidArgument,
        "cache_indirection dimension 2 must be the past's length (dimension 2) 6; got (2, 2, 5)",
    );
    // Checked as well where it is not in force.
    check(
        plain().cache_indirection(&[3, 1, 1]),
        InvalidArgument,
        "cache_indirection dimension 0 times dimension 1 must be the batch size 2; got (3, 1, 1)",
    );
}

#[test]
fn cache_indirection_entries() {
    let problem = beams().problem().unwrap();
    let good = [0, 1, 1, 7, -7, 7].repeat(4);
    assert_eq!(check_cache_indirection(&problem, &good), Ok(()), "keys from past_sequence_length on are not used");
    for (position, got, message) in [
        (2, 2, "got 2 for batch row 0, key 2"),
        (18, -1, "got -1 for batch row 3, key 0"),
        (13, i32::MAX, "got 2147483647 for batch row 2, key 1"),
    ] {
        let mut data = good.clone();
        data[position] = got;
        let error = check_cache_indirection(&problem, &data).unwrap_err();
        let rule = "cache_indirection entries must be from 0 to less than the beam width 2";
        assert_eq!(error.to_string(), format!("{rule}; {message}"));
        assert_eq!(error.kind(), InvalidArgument);
    }
    // Not in force with two query rows, so not checked.
    let ignored = beams().with(|call| call.query[1] = 2).problem().unwrap();
    assert_eq!(check_cache_indirection(&ignored, &[9; 24]), Ok(()));
}

#[test]
fn qk_type() {
    check(plain().qk(DType::F16), Fail, "output qk must be float32 where the inputs are float32; got float16");
    for qk in [DType::F16, DType::F32] {
        let half = plain().qk(qk).with(|call| call.dtype = DType::F16);
        assert_eq!(half.problem().unwrap().qk, Some(qk));
    }
}

#[test]
fn attribute_kind() {
    let error = mha_spec::SpecError::AttributeKind { name: "num_heads", expected: "an integer" };
    assert_eq!(error.to_string(), "attribute 'num_heads' must be an integer; the node has another kind of value");
    assert_eq!(error.kind(), InvalidGraph);
}
