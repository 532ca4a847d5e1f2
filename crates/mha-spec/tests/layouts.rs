//! Contract: each layout gives the sizes, bias part, scale and output shapes that the operator defines.

mod common;

use common::{Call, packed_kv, packed_qkv, plain, pre_split};
use mha_spec::{Layout, ProjectionBias, output_shapes};

/// (layout, [B, N, S, L, H, Hv], which bias).
fn check(call: Call, layout: Layout, sizes: [u32; 6], bias: ProjectionBias) {
    let p = call.problem().unwrap();
    assert_eq!(p.layout, layout);
    assert_eq!([p.batch, p.num_heads, p.q_len, p.kv_len, p.head_size, p.v_head_size], sizes);
    assert_eq!(p.projection_bias, bias);
}

#[test]
fn sizes() {
    use ProjectionBias::{None, Query, QueryKeyValue};
    check(plain(), Layout::Plain, [2, 2, 3, 5, 8, 8], None);
    check(plain().bias(&[48]), Layout::Plain, [2, 2, 3, 5, 8, 8], QueryKeyValue);
    check(plain().value(&[2, 5, 40]), Layout::Plain, [2, 2, 3, 5, 8, 20], None);
    check(plain().value(&[2, 5, 10]).bias(&[42]), Layout::Plain, [2, 2, 3, 5, 8, 5], QueryKeyValue);
    check(pre_split(), Layout::PreSplit, [2, 2, 3, 5, 8, 8], None);
    check(pre_split().bias(&[48]), Layout::PreSplit, [2, 2, 3, 5, 8, 8], Query);
    check(packed_kv(), Layout::PackedKv, [2, 2, 3, 5, 8, 8], None);
    check(packed_qkv(), Layout::PackedQkv, [2, 2, 3, 3, 8, 8], None);
    check(packed_qkv().bias(&[48]), Layout::PackedQkv, [2, 2, 3, 3, 8, 8], QueryKeyValue);
}

#[test]
fn empty_dimensions_are_valid() {
    check(
        Call::new(2, &[0, 3, 16]).key(&[0, 5, 16]).value(&[0, 5, 16]).mask(&[2]),
        Layout::Plain,
        [0, 2, 3, 5, 8, 8],
        ProjectionBias::None,
    );
    check(plain().with(|call| call.query[1] = 0), Layout::Plain, [2, 2, 0, 5, 8, 8], ProjectionBias::None);
    check(
        pre_split().key(&[2, 2, 0, 8]).value(&[2, 2, 0, 8]),
        Layout::PreSplit,
        [2, 2, 3, 0, 8, 8],
        ProjectionBias::None,
    );
    check(Call::new(2, &[2, 0, 2, 3, 8]), Layout::PackedQkv, [2, 2, 0, 0, 8, 8], ProjectionBias::None);
}

#[test]
fn scale() {
    let scale = |value| plain().with(|call| call.attributes.scale = value).problem().unwrap().scale;
    let default = 1.0 / 8f32.sqrt();
    assert_eq!(scale(None), default);
    assert_eq!(scale(Some(0.0)), default);
    assert_eq!(scale(Some(-0.0)), default);
    assert_eq!(scale(Some(-0.25)), -0.25);
    assert_eq!(scale(Some(f32::INFINITY)), f32::INFINITY);
    assert!(scale(Some(f32::NAN)).is_nan());
}

#[test]
fn mask_filter_value() {
    let value =
        |value| plain().with(|call| call.attributes.mask_filter_value = value).problem().unwrap().mask_filter_value;
    assert_eq!(value(None), -10000.0);
    for given in [5.0, f32::MIN, f32::NEG_INFINITY, 0.0] {
        assert_eq!(value(Some(given)), given);
    }
}

#[test]
fn causality() {
    let causal = |flag, q_len| {
        plain()
            .with(|call| {
                call.attributes.unidirectional = flag;
                call.query[1] = q_len;
            })
            .problem()
            .unwrap()
            .causal
    };
    assert!(causal(Some(1), 2));
    assert!(!causal(Some(1), 1), "one row is the last row, which is never restricted");
    assert!(!causal(Some(1), 0));
    for flag in [None, Some(0), Some(2), Some(-1)] {
        assert!(!causal(flag, 3));
    }
}

/// (call, output, present_key, present_value, qk).
#[test]
fn outputs() {
    let check = |call: Call, output: [i64; 3], key: [i64; 4], value: [i64; 4], qk: [i64; 4]| {
        let shapes = output_shapes(&call.problem().unwrap());
        assert_eq!((shapes.output, shapes.present_key, shapes.present_value, shapes.qk), (output, key, value, qk));
    };
    check(plain(), [2, 3, 16], [2, 2, 5, 8], [2, 2, 5, 8], [2, 2, 3, 5]);
    check(plain().value(&[2, 5, 40]), [2, 3, 40], [2, 2, 5, 8], [2, 2, 5, 20], [2, 2, 3, 5]);
    check(plain().past(&[2, 2, 4, 8]), [2, 3, 16], [2, 2, 9, 8], [2, 2, 9, 8], [2, 2, 3, 9]);
    check(plain().past(&[2, 2, 12, 8]).shared(4), [2, 3, 16], [2, 2, 12, 8], [2, 2, 12, 8], [2, 2, 3, 9]);
    check(packed_qkv(), [2, 3, 16], [2, 2, 3, 8], [2, 2, 3, 8], [2, 2, 3, 3]);
    check(packed_kv(), [2, 3, 16], [2, 2, 5, 8], [2, 2, 5, 8], [2, 2, 3, 5]);
}

#[test]
fn any_subset_of_the_outputs() {
    for (key, value) in [(false, false), (true, false), (false, true), (true, true)] {
        for call in [plain(), pre_split(), packed_kv(), packed_qkv(), plain().past(&[2, 2, 4, 8])] {
            let p = call.presents(key, value).problem().unwrap();
            assert_eq!((p.present.key, p.present.value), (key, value));
        }
    }
}
