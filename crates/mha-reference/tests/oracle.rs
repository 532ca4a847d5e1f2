//! Contract: for each case of `oracle/cases.safetensors`, shape rules and reference together give what ONNX Runtime's own
//! CPU kernel gives, within the rounding of its type.

use std::collections::BTreeSet;

use half::f16;
use mha_reference::{Inputs, attention};
use mha_spec::{Attributes, DType, InputShapes, RawAttributes, RequestedOutputs};
use safetensors::{Dtype, SafeTensors};

/// One tensor of the file.
struct Array {
    shape: Vec<i64>,
    dtype: Dtype,
    floats: Vec<f64>,
    ints: Vec<i32>,
}

fn read(file: &SafeTensors<'_>, name: &str) -> Option<Array> {
    let tensor = file.tensor(name).ok()?;
    let bytes = tensor.data();
    let (mut floats, mut ints) = (Vec::new(), Vec::new());
    match tensor.dtype() {
        Dtype::F64 => floats.extend(bytes.chunks_exact(8).map(|c| f64::from_le_bytes(c.try_into().unwrap()))),
        Dtype::F32 => {
            floats.extend(bytes.chunks_exact(4).map(|c| f64::from(f32::from_le_bytes(c.try_into().unwrap()))))
        }
        Dtype::F16 => floats.extend(bytes.chunks_exact(2).map(|c| f16::from_le_bytes(c.try_into().unwrap()).to_f64())),
        Dtype::I32 => ints.extend(bytes.chunks_exact(4).map(|c| i32::from_le_bytes(c.try_into().unwrap()))),
        other => panic!("{name} has type {other:?}"),
    }
    Some(Array { shape: tensor.shape().iter().map(|&n| n as i64).collect(), dtype: tensor.dtype(), floats, ints })
}

/// Compares one case; returns the number of values compared.
fn check(file: &SafeTensors<'_>, case: &str) -> usize {
    let input = |name: &str| read(file, &format!("{case}/in/{name}"));
    let output = |name: &str| read(file, &format!("{case}/out/{name}"));
    let numbers = read(file, &format!("{case}/attributes")).expect("attributes").floats;
    let attributes = Attributes::new(RawAttributes {
        num_heads: Some(numbers[0] as i64),
        scale: Some(numbers[1] as f32),
        mask_filter_value: Some(numbers[2] as f32),
        unidirectional: Some(numbers[3] as i64),
    })
    .unwrap();

    let given = mha_spec::INPUT_NAMES.map(input);
    let [query, key, value, bias, mask, attention_bias, past_key, past_value, past_len, cache] = &given;
    let shape = |array: &'static str| -> Option<&[i64]> {
        let index = mha_spec::INPUT_NAMES.iter().position(|name| *name == array).unwrap();
        given[index].as_ref().map(|array| &array.shape[..])
    };
    let query = query.as_ref().expect("query");
    let dtype = if query.dtype == Dtype::F16 { DType::F16 } else { DType::F32 };
    let shapes = InputShapes {
        query: &query.shape,
        key: shape("key"),
        value: shape("value"),
        bias: shape("bias"),
        key_padding_mask: shape("key_padding_mask"),
        attention_bias: shape("attention_bias"),
        past_key: shape("past_key"),
        past_value: shape("past_value"),
        past_sequence_length: shape("past_sequence_length"),
        cache_indirection: shape("cache_indirection"),
    };
    let outputs = mha_spec::OUTPUT_NAMES.map(output);
    let requested = RequestedOutputs {
        present_key: outputs[1].is_some(),
        present_value: outputs[2].is_some(),
        qk: outputs[3].is_some().then_some(dtype),
    };
    let problem =
        mha_spec::problem(&attributes, dtype, &shapes, past_len.as_ref().map(|array| &array.ints[..]), requested)
            .unwrap_or_else(|error| panic!("{case}: {error}"));

    let floats = |array: &Option<Array>| array.as_ref().map(|array| array.floats.clone()).unwrap_or_default();
    let ints = |array: &Option<Array>| array.as_ref().map(|array| array.ints.clone()).unwrap_or_default();
    let got = attention(
        &problem,
        &Inputs {
            query: query.floats.clone(),
            key: floats(key),
            value: floats(value),
            bias: floats(bias),
            padding_mask: ints(mask),
            attention_bias: floats(attention_bias),
            past_key: floats(past_key),
            past_value: floats(past_value),
            cache_indirection: ints(cache),
        },
    );

    let expected_shapes = mha_spec::output_shapes(&problem);
    let results: [(&[i64], &[f64]); 4] = [
        (&expected_shapes.output, &got.output),
        (&expected_shapes.present_key, &got.present_key),
        (&expected_shapes.present_value, &got.present_value),
        (&expected_shapes.qk, &got.qk),
    ];
    let mut compared = 0;
    for (name, (oracle, (shape, got))) in mha_spec::OUTPUT_NAMES.iter().zip(outputs.iter().zip(results)) {
        let Some(oracle) = oracle else {
            assert!(*name != "output", "{case} has no output");
            continue;
        };
        assert_eq!(oracle.shape, shape, "{case}: shape of {name}");
        assert_eq!(oracle.floats.len(), got.len(), "{case}: elements of {name}");
        // One unit in the last place of float16 where the result was rounded to it.
        let relative = if dtype == DType::F16 { 1.0 / 1024.0 } else { 1e-5 };
        for (i, (&want, &got)) in oracle.floats.iter().zip(got).enumerate() {
            let close = (want - got).abs() <= relative * want.abs().max(1.0);
            let same = want == got || (want.is_nan() && got.is_nan());
            assert!(close || same, "{case}: {name}[{i}] is {got}, the CPU kernel gives {want}");
        }
        compared += got.len();
    }
    compared
}

#[test]
fn agrees_with_the_cpu_kernel() {
    let bytes = include_bytes!("oracle/cases.safetensors");
    let file = SafeTensors::deserialize(bytes).unwrap();
    let cases: BTreeSet<&str> = file.names().into_iter().map(|name| name.split('/').next().unwrap()).collect();
    assert!(cases.len() >= 60, "the file holds {} cases", cases.len());
    let compared: usize = cases.iter().map(|case| check(&file, case)).sum();
    assert!(compared > 20_000, "compared {compared} values");
}
