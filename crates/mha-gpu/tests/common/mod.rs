//! Runs cases on the machine's adapter and compares them with the float64 reference.
//!
//! Without an adapter every test is listed as ignored, and the reason printed; where the environment variable `CI` is
//! set it fails instead.
#![allow(dead_code)] // each test file uses a part

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use mha_gpu::{Gpu, GpuSettings, Source};
use mha_plan::profile::{self, TuningRow};
use mha_plan::{DeviceCaps, Lane, Plan, PlanOptions, Presents, Tensor};
use mha_spec::{AdapterChoice, DType, PathChoice};
use mha_testkit::{Case, Expected};

/// The lanes that paths choose from on any device. The others are kernels to compare with in benchmarks, and the lane on
/// cooperative matrices, which [`matrices`] are needed for.
pub const LANES: [Lane; 4] = [Lane::Rows, Lane::Apple, Lane::Short, Lane::Wide];

/// The paths that have lanes of their own. `auto` chooses among all lanes, each of which has its tests.
pub const PATHS: [PathChoice; 2] = [PathChoice::Baseline, PathChoice::Apple];

/// Both types.
pub const DTYPES: [DType; 2] = [DType::F32, DType::F16];

/// How names of tiles and kernels for software devices end.
pub const OF_SOFTWARE: char = 'c';

/// Whether a device's subgroups hold groups of so many lanes.
pub fn subgroups_of(lanes: u32, caps: &DeviceCaps) -> Result<(), String> {
    match caps.min_subgroup_size {
        least if least >= lanes => Ok(()),
        least => Err(format!("groups of {lanes} lanes need subgroups as large, got {least}")),
    }
}

/// Whether a device lists cooperative matrices.
pub fn matrices(caps: &DeviceCaps) -> Result<(), String> {
    match caps.coop_matrices[..] {
        [] => Err(format!("{} lists no cooperative matrices", caps.name)),
        _ => Ok(()),
    }
}

/// Whether kernels may go through the elements of a device's matrices.
pub fn elements(caps: &DeviceCaps) -> Result<(), String> {
    matrices(caps)?;
    match caps.element_sides[..] {
        [] => Err(format!("elements of matrices are not in reach on {}", caps.name)),
        _ => Ok(()),
    }
}

/// The lanes on cooperative matrices, each with what a device must have for it.
pub const ON_MATRICES: [(Lane, Has); 2] = [(Lane::Matrix, matrices), (Lane::Fragment, elements)];

/// Whether a device has something, and if not, that in words.
pub type Has = fn(&DeviceCaps) -> Result<(), String>;

/// What a device lacks for a test, if anything.
type Needs = Box<dyn Fn(&DeviceCaps) -> Result<(), String>>;

/// What a test does with a device.
type Run = Box<dyn FnOnce(&Arc<Gpu>) -> Result<(), String> + Send>;

/// One test: a name, the types it needs, and what it does with a device.
pub struct Test {
    name: String,
    dtype: DType,
    needs: Needs,
    run: Run,
}

impl Test {
    /// A test that devices without something ignore, with the reason, even where `CI` is set.
    pub fn needing(self, needs: impl Fn(&DeviceCaps) -> Result<(), String> + 'static) -> Test {
        Test { needs: Box::new(needs), ..self }
    }
}

/// A test of problems of one type.
pub fn test(
    name: impl Into<String>,
    dtype: DType,
    run: impl FnOnce(&Arc<Gpu>) -> Result<(), String> + Send + 'static,
) -> Test {
    Test { name: name.into(), dtype, needs: Box::new(|_| Ok(())), run: Box::new(run) }
}

/// The tests' `main`: runs them on a device for each type. Kernels are compiled in a device's own queue, and a software
/// GPU spends its time there, so two devices run tests of both types side by side; the second copies through staging
/// buffers, as GPUs with memory of their own do.
pub fn main(settings: GpuSettings, tests: Vec<Test>) -> ExitCode {
    let arguments = Arguments::from_args();
    let staged = GpuSettings { staged_transfers: true, ..settings.clone() };
    // Listing must not depend on the machine.
    let open = |settings: &GpuSettings| match arguments.list {
        true => Err("not opened to list the tests".to_owned()),
        false => Gpu::open(&AdapterChoice::Auto, settings).map_err(|error| error.to_string()),
    };
    let devices = [(DType::F32, open(&settings)), (DType::F16, open(&staged))];
    if let (Ok(gpu), false) = (&devices[0].1, arguments.list) {
        println!("adapter: {}", gpu.describe());
    }
    let must_run = std::env::var_os("CI").is_some();
    let mut skipped = BTreeSet::new();
    let mut trials = Vec::new();
    for Test { name, dtype, needs, run } in interleaved(tests) {
        let gpu =
            devices.iter().find(|(of, _)| *of == dtype).map(|(_, gpu)| gpu.clone()).expect("a device for each type");
        let gpu = gpu.and_then(|gpu| match dtype == DType::F16 && !gpu.caps().f16 {
            true => Err(format!("{} has no f16 in shaders", gpu.describe())),
            false => Ok(gpu),
        });
        let lacks = gpu.as_ref().ok().and_then(|gpu| needs(gpu.caps()).err());
        let ignored = lacks.is_some() || gpu.is_err() && !must_run && !arguments.list;
        skipped.extend(lacks);
        if let (true, Err(reason)) = (ignored, &gpu) {
            skipped.insert(reason.clone());
        }
        trials.push(Trial::test(name, move || run(&gpu?).map_err(Failed::from)).with_ignored_flag(ignored));
    }
    skipped.iter().for_each(|reason| println!("ignoring tests: {reason}"));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The tests, those of the two types in turns.
fn interleaved(tests: Vec<Test>) -> Vec<Test> {
    let (mut wide, mut narrow): (VecDeque<Test>, VecDeque<Test>) =
        tests.into_iter().partition(|test| test.dtype == DType::F32);
    let mut all = Vec::new();
    while !(wide.is_empty() && narrow.is_empty()) {
        all.extend(wide.pop_front());
        all.extend(narrow.pop_front());
    }
    all
}

/// The rows of a lane's tables of one type, those that are in several once.
pub fn table_rows(lane: Lane, dtype: DType) -> impl Iterator<Item = TuningRow> {
    let tables = profile::TABLES.iter().filter(move |(name, _)| name.split('_').next() == Some(lane.name()));
    let rows = tables.flat_map(|(_, text)| profile::parse(text).expect("a table of the program parses"));
    let mut seen = HashSet::new();
    rows.filter(move |row| row.dtype == dtype && seen.insert(row.clone()))
}

/// Of those that are wanted and that a device of such subgroups may take one for each tile, as a software GPU compiles kernels for seconds.
pub fn tile_rows(gpu: &Gpu, lane: Lane, dtype: DType, is_wanted: impl Fn(&TuningRow) -> bool) -> Vec<TuningRow> {
    let mut rows: Vec<TuningRow> = table_rows(lane, dtype).filter(is_wanted).collect();
    rows.sort_by(|a, b| (a.lanes, &a.tile).cmp(&(b.lanes, &b.tile)));
    rows.dedup_by(|a, b| (a.lanes, &a.tile) == (b.lanes, &b.tile));
    assert!(!rows.is_empty(), "tables of lane {} have such tiles", lane.name());
    rows.retain(|row| gpu.caps().min_subgroup_size >= row.lanes);
    rows
}

/// Options that pin a path.
pub fn path(path: PathChoice) -> PlanOptions {
    PlanOptions { path, ..PlanOptions::default() }
}

/// Options that pin a lane.
pub fn lane(lane: Lane) -> PlanOptions {
    PlanOptions { lane: Some(lane), ..PlanOptions::default() }
}

/// The options of [`PATHS`].
pub fn paths() -> [PlanOptions; 2] {
    PATHS.map(path)
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
    let mut outputs = run(gpu, case, &plan, &expected).map_err(|error| told(error, Some(&plan)))?;
    let wanted = case.problem.present;
    if wanted.key || wanted.value {
        let options = PlanOptions { presents: Presents::Host, ..options.clone() };
        let plan = mha_plan::plan(&case.problem, caps, &options).map_err(|refusal| told(refusal.to_string(), None))?;
        outputs.extend(run(gpu, case, &plan, &expected).map_err(|error| told(error, Some(&plan)))?);
    }
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
    let inputs: Vec<(Tensor, Source<'_>)> =
        inputs.iter().map(|(tensor, bytes)| (*tensor, bytes.as_slice().into())).collect();
    // What a kernel leaves unwritten shows: these bytes are NaN in both types.
    let mut outputs: Vec<(Tensor, Vec<u8>)> =
        expected.wanted().into_iter().map(|tensor| (tensor, vec![0xff; expected.bytes(tensor)])).collect();
    let answered = |tensor: &Tensor| {
        plan.zero_filled.contains(tensor)
            || plan.tensors.iter().any(|(other, _)| other == tensor)
            || plan.copied.iter().any(|copied| copied.tensor == *tensor)
    };
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
