//! Contract: eight threads that run plans on one device at once get, bit for bit, what one thread gets.

mod common;

use std::process::ExitCode;
use std::sync::{Arc, Barrier};

use common::{run, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::{Plan, PlanOptions, Tensor};
use mha_spec::DType;
use mha_testkit::{Case, Expected, random};

const THREADS: usize = 8;

/// Problems that every thread runs.
const CASES: u64 = 16;

struct Job {
    case: Case,
    plan: Plan,
    expected: Expected,
}

impl Job {
    fn new(gpu: &Gpu, seed: u64, dtype: DType) -> Result<Job, String> {
        let case = Case::random(seed, dtype);
        let plan = mha_plan::plan(&case.problem, gpu.caps(), &PlanOptions::default())
            .map_err(|refusal| refusal.to_string())?;
        let expected = Expected::of(&case);
        Ok(Job { case, plan, expected })
    }

    fn run(&self, gpu: &Gpu) -> Result<Vec<(Tensor, Vec<u8>)>, String> {
        run(gpu, &self.case, &self.plan, &self.expected)
    }
}

fn main() -> ExitCode {
    let tests = vec![
        test("float32_threads_agree", DType::F32, |gpu| agree(gpu, DType::F32, false)),
        test("float16_threads_agree", DType::F16, |gpu| agree(gpu, DType::F16, false)),
        // Nothing compiled or pooled yet: threads race for the same pipelines.
        test("cold_threads_agree", DType::F32, |_| {
            let settings = GpuSettings { staged_transfers: true, ..GpuSettings::default() };
            let gpu = Gpu::open(&Default::default(), &settings).map_err(|error| error.to_string())?;
            agree(&gpu, DType::F32, true)
        }),
    ];
    common::main(GpuSettings::default(), tests)
}

/// Runs the jobs in threads, each from another start, and compares with one thread's outputs, taken before or, `cold`,
/// after.
fn agree(gpu: &Arc<Gpu>, dtype: DType, cold: bool) -> Result<(), String> {
    // Two seeds of each family.
    let jobs =
        (0..CASES).map(|i| Job::new(gpu, i * random::FAMILY / 2, dtype)).collect::<Result<Vec<Job>, String>>()?;
    let alone = || jobs.iter().map(|job| job.run(gpu)).collect::<Result<Vec<_>, String>>();
    let before = if cold { None } else { Some(alone()?) };
    let barrier = Barrier::new(THREADS);
    let results: Vec<Result<Vec<_>, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (jobs, barrier) = (&jobs, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let start = thread * jobs.len() / THREADS;
                    let order = (start..jobs.len()).chain(0..start);
                    order.map(|at| Ok((at, jobs[at].run(gpu)?))).collect()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread does not panic")).collect()
    });
    let expected = match before {
        Some(expected) => expected,
        None => alone()?,
    };
    for (thread, result) in results.into_iter().enumerate() {
        for (at, outputs) in result? {
            if outputs != expected[at] {
                return Err(format!(
                    "thread {thread} differs: seed {}, {:?}",
                    jobs[at].case.seed, jobs[at].case.problem
                ));
            }
        }
    }
    Ok(())
}
