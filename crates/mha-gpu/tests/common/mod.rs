//! Runs cases on the machine's adapter and compares them with the float64 reference.
//!
//! Without an adapter every test is listed as ignored, and the reason printed; where the environment variable `CI` is
//! set it fails instead.
#![allow(dead_code)] // each test file uses a part

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::{DeviceCaps, Lane, Plan, PlanOptions, Tensor};
use mha_spec::{AdapterChoice, DType, PathChoice};
use mha_testkit::{Case, Expected};

/// Both types.
pub const DTYPES: [DType; 2] = [DType::F32, DType::F16];

/// One test: a name, the types it needs, and what it does with a device.
pub struct Test {
    name: String,
    dtype: DType,
    run: Box<dyn FnOnce(&Arc<Gpu>) -> Result<(), String> + Send>,
}

/// A test of problems of one type.
pub fn test(
    name: impl Into<String>,
    dtype: DType,
    run: impl FnOnce(&Arc<Gpu>) -> Result<(), String> + Send + 'static,
) -> Test {
    Test { name: name.into(), dtype, run: Box::new(run) }
}

/// The tests' `main`: runs them on the device that `settings` opens.
pub fn main(settings: GpuSettings, tests: Vec<Test>) -> ExitCode {
    let arguments = Arguments::from_args();
    // Listing must not depend on the machine.
    let gpu = if arguments.list {
        Err("not opened to list the tests".to_owned())
    } else {
        Gpu::open(&AdapterChoice::Auto, &settings).map_err(|error| error.to_string())
    };
    let must_run = std::env::var_os("CI").is_some();
    match &gpu {
        Ok(gpu) => println!("adapter: {}", gpu.describe()),
        Err(error) if !arguments.list => println!("no adapter: {error}"),
        Err(_) => {}
    }
    let trials = tests.into_iter().map(|Test { name, dtype, run }| {
        let gpu = match &gpu {
            Ok(gpu) if dtype == DType::F16 && !gpu.caps().f16 => {
                Err(format!("{} has no f16 in shaders", gpu.describe()))
            }
            gpu => gpu.clone(),
        };
        let ignored = gpu.is_err() && !must_run && !arguments.list;
        if let (true, Err(reason)) = (ignored, &gpu) {
            println!("ignored {name}: {reason}");
        }
        Trial::test(name, move || run(&gpu?).map_err(Failed::from)).with_ignored_flag(ignored)
    });
    let trials = trials.collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Options that pin a path.
pub fn path(path: PathChoice) -> PlanOptions {
    PlanOptions { path, ..PlanOptions::default() }
}

/// Options that pin a lane.
pub fn lane(lane: Lane) -> PlanOptions {
    PlanOptions { lane: Some(lane), ..PlanOptions::default() }
}

/// The options of the two paths.
pub fn paths() -> [PlanOptions; 2] {
    PathChoice::ALL.map(path)
}

/// Plans and runs a case, and compares every output. The error tells all that reproduces it.
pub fn check(gpu: &Gpu, case: &Case, options: &PlanOptions) -> Result<(), String> {
    check_on(gpu, gpu.caps(), case, options).map(drop)
}

/// As [`check`], planned for a device with other facts; gives the plan.
pub fn check_on(gpu: &Gpu, caps: &DeviceCaps, case: &Case, options: &PlanOptions) -> Result<Plan, String> {
    let expected = Expected::of(case);
    let told = |what: String, plan: Option<&Plan>| {
        let decision = plan.map_or("", |plan| &plan.decision);
        format!("seed {}, {options:?}, {decision}\n  {what}\n  {:?}", case.seed, case.problem)
    };
    let plan = mha_plan::plan(&case.problem, caps, options).map_err(|refusal| told(refusal.to_string(), None))?;
    let outputs = run(gpu, case, &plan, &expected).map_err(|error| told(error, Some(&plan)))?;
    let mismatches: Vec<String> = outputs
        .iter()
        .filter_map(|(tensor, bytes)| expected.check(*tensor, bytes).err())
        .map(|mismatch| mismatch.to_string())
        .collect();
    if mismatches.is_empty() { Ok(plan) } else { Err(told(mismatches.join("\n  "), Some(&plan))) }
}

/// Runs a plan and gives the outputs that the case wants. Those that the plan does not write are empty.
pub fn run(gpu: &Gpu, case: &Case, plan: &Plan, expected: &Expected) -> Result<Vec<(Tensor, Vec<u8>)>, String> {
    let inputs = case.bytes();
    let inputs: Vec<(Tensor, &[u8])> = inputs.iter().map(|(tensor, bytes)| (*tensor, bytes.as_slice())).collect();
    // What a kernel leaves unwritten shows: these bytes are NaN in both types.
    let mut outputs: Vec<(Tensor, Vec<u8>)> =
        expected.wanted().into_iter().map(|tensor| (tensor, vec![0xff; expected.bytes(tensor)])).collect();
    let answered =
        |tensor: &Tensor| plan.zero_filled.contains(tensor) || plan.tensors.iter().any(|(other, _)| other == tensor);
    if let Some((tensor, _)) = outputs.iter().find(|(tensor, bytes)| !bytes.is_empty() && !answered(tensor)) {
        return Err(format!("the plan does not write {tensor:?}"));
    }
    let mut slices: Vec<(Tensor, &mut [u8])> = outputs
        .iter_mut()
        .filter(|(tensor, _)| answered(tensor))
        .map(|(tensor, bytes)| (*tensor, bytes.as_mut_slice()))
        .collect();
    gpu.run(plan, &inputs, &mut slices).map_err(|error| error.to_string())?;
    drop(slices);
    Ok(outputs)
}

/// Gathers failures, so that one run tells all of them, up to a handful.
#[derive(Default)]
pub struct Failures {
    messages: Vec<String>,
    tried: usize,
}

impl Failures {
    const SHOWN: usize = 5;

    /// Takes the result of one case.
    pub fn take(&mut self, result: Result<(), String>) {
        self.tried += 1;
        self.messages.extend(result.err());
    }

    /// An error where anything failed.
    pub fn done(self) -> Result<(), String> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let shown = &self.messages[..self.messages.len().min(Self::SHOWN)];
        Err(format!("{} of {} cases failed\n{}", self.messages.len(), self.tried, shown.join("\n")))
    }
}
