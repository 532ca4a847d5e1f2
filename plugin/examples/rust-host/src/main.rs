//! Runs a model with its MultiHeadAttention nodes on the GPU, once on each path, and compares the results.
//!
//! `ORT_DYLIB_PATH=<onnxruntime library> cargo run -- <model.onnx> <ort_webgpu_attention library>`
//!
//! The model has float32 inputs of fixed shapes, as `self_attention.onnx` beside this package.

use std::error::Error;
use std::path::Path;

use ort::environment::Environment;
use ort::session::Session;
use ort::value::{DynValue, Tensor, TensorElementType, ValueType};

/// Name, shape and values of an output.
type Output = (String, Vec<i64>, Vec<f32>);

/// Largest difference between the paths: both are within 1e-5 of the exact result.
const TOLERANCE: f32 = 2e-5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, library] = arguments.as_slice() else {
        return Err("usage: rust-host <model.onnx> <ort_webgpu_attention library>".into());
    };
    let environment = ort::init().build()?;
    let baseline = run(&environment, Path::new(model), Path::new(library), "baseline")?;
    let apple = run(&environment, Path::new(model), Path::new(library), "apple")?;
    for ((name, shape, values), (_, _, others)) in baseline.iter().zip(&apple) {
        let difference = values.iter().zip(others).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{name} {shape:?}: largest difference between the paths {difference:e}");
        let finite = values.iter().chain(others).all(|value| value.is_finite());
        if !finite || difference > TOLERANCE {
            return Err(format!("output {name} must be finite and agree within {TOLERANCE}").into());
        }
    }
    Ok(())
}

/// The outputs of one run on a path.
fn run(environment: &Environment, model: &Path, library: &Path, path: &str) -> Result<Vec<Output>, Box<dyn Error>> {
    let mut session = Session::builder(environment)?
        .with_operator_library(library)?
        .with_config_entry("custom_op.MultiHeadAttention.path", path)?
        .commit_from_file(model)?;
    let inputs = session
        .inputs()
        .iter()
        .map(|input| Ok((input.name().to_owned(), values_for(input.dtype())?)))
        .collect::<Result<Vec<(String, DynValue)>, Box<dyn Error>>>()?;
    let outputs = session.run(inputs)?;
    outputs
        .iter()
        .map(|(name, value)| {
            let (shape, values) = value.try_extract_tensor::<f32>()?;
            Ok((name.to_owned(), shape.to_vec(), values.to_vec()))
        })
        .collect()
}

/// A tensor of an input's type with values between -1 and 1.
fn values_for(input: &ValueType) -> Result<DynValue, Box<dyn Error>> {
    let ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } = input else {
        return Err(format!("inputs must be float32 tensors; received {input}").into());
    };
    let len = shape.iter().try_fold(1usize, |len, &dim| Some(len * usize::try_from(dim).ok()?));
    let len = len.ok_or_else(|| format!("inputs must have fixed shapes; received {input}"))?;
    let values: Vec<f32> = (0..len).map(|i| (i as f32 * 0.7).sin()).collect();
    Ok(Tensor::from_array((shape.clone(), values))?.into_dyn())
}
