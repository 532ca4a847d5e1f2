//! [`Router`]: whether the GPU or ONNX Runtime's CPU kernel answers a call under `route=auto`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mha_plan::{DeviceCaps, DeviceKind};
use mha_spec::{AttentionProblem, DType, Past};
use mha_tune::{Choice, Class, Contest, Work};

/// Who answers a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Gpu,
    Cpu,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Route::Gpu => "gpu",
            Route::Cpu => "cpu",
        })
    }
}

const CANDIDATES: [Route; 2] = [Route::Gpu, Route::Cpu];

/// ONNX Runtime 1.24's CPU kernel gives wrong results for a past in a shared buffer, 1.31's does not. Those between were
/// not tried, and count as the former.
const SHARED_PAST_IS_RIGHT_FROM: u32 = 31;

/// The least that a call could cost, so that what can't win is not tried. Speeds are beyond those of known devices.
struct AtBest {
    seconds: f64,
    flops_a_second: f64,
    bytes_a_second: f64,
}

impl AtBest {
    /// One core with two 512-bit FMA units at 5 GHz does 320 GFLOP/s.
    fn cpu(cores: f64) -> AtBest {
        AtBest { seconds: 0.0, flops_a_second: cores * 320e9, bytes_a_second: 500e9 }
    }

    /// A submission and the wait for it cost 10 microseconds at the least. PCIe 5 carries 64 GB/s; shared memory is faster.
    fn gpu(caps: &DeviceCaps, cores: f64) -> AtBest {
        let bytes_a_second = if caps.kind == DeviceKind::Discrete { 64e9 } else { 500e9 };
        let flops_a_second = if caps.kind == DeviceKind::Software { cores * 320e9 } else { 1e15 };
        AtBest { seconds: 10e-6, flops_a_second, bytes_a_second }
    }

    fn time(&self, flops: f64, bytes: f64) -> Duration {
        Duration::from_secs_f64(self.seconds + (flops / self.flops_a_second).max(bytes / self.bytes_a_second))
    }
}

/// A call with as much to do as another of its kind, or more, takes no less than this part of its time; one with less to do, of
/// that part. So a decoder, whose cache grows through all classes, is not held up in each by a device that was far behind.
const LEAST_PART: f64 = 1.0 / 4.0;

/// The contest of a class, and the work of its first problem.
#[derive(Debug)]
struct Entry {
    contest: Contest,
    work: Work,
}

/// The contests of one session, by class of problem: few, so that comparing classes costs less than hashing one.
#[derive(Debug, Default)]
pub(crate) struct Router {
    contests: Mutex<BTreeMap<Class, Entry>>,
}

/// The least that each candidate could take, by what others of the kind took.
fn by_others(contests: &BTreeMap<Class, Entry>, class: Class, work: &Work, candidate: usize) -> Duration {
    let like = contests.iter().filter(|(other, _)| other.is_like(&class));
    let least = like.filter_map(|(_, entry)| {
        let share = work.share_of(&entry.work).min(1.0);
        Some(entry.contest.known(candidate)?.mul_f64(share * LEAST_PART))
    });
    least.max().unwrap_or_default()
}

impl Router {
    /// Who answers the next call of a class that `problem` is of, and why; always the GPU where the CPU kernel of this runtime
    /// may be wrong.
    pub(super) fn choose(
        &self,
        class: Class,
        problem: &AttentionProblem,
        caps: &DeviceCaps,
        resident_bytes: u64,
        runtime_minor_version: u32,
    ) -> (Route, Option<Choice>) {
        if matches!(problem.past, Past::Shared { .. }) && runtime_minor_version < SHARED_PAST_IS_RIGHT_FROM {
            return (Route::Gpu, None);
        }
        let mut contests = self.contests.lock().unwrap_or_else(PoisonError::into_inner);
        if !contests.contains_key(&class) {
            let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
            let work = Work::of(problem);
            // Inputs that stay on the device need no transfer; the CPU converts float16 in both directions.
            let moved = (work.bytes - resident_bytes as f64).max(0.0);
            let read = if problem.dtype == DType::F16 { 3.0 * work.bytes } else { work.bytes };
            // Causality may leave out half.
            let flops = if problem.causal { work.flops / 2.0 } else { work.flops };
            let at_best = [AtBest::gpu(caps, cores).time(flops, moved), AtBest::cpu(cores).time(flops, read)];
            let least = (0..)
                .zip(at_best)
                .map(|(candidate, at_best)| at_best.max(by_others(&contests, class, &work, candidate)));
            let contest = Contest::new(least.collect());
            contests.insert(class, Entry { contest, work });
        }
        let choice = contests.get_mut(&class).map(|entry| entry.contest.choose());
        (choice.map_or(Route::Gpu, |choice| CANDIDATES[choice.candidate]), choice)
    }

    /// Tells what a call took.
    pub(super) fn record(&self, class: Class, route: Route, time: Duration) {
        let mut contests = self.contests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Entry { contest, .. }) = contests.get_mut(&class) {
            contest.record(CANDIDATES.iter().position(|known| *known == route).unwrap_or_default(), time);
        }
    }
}

#[cfg(test)]
mod tests {
    use mha_plan::devices;
    use mha_spec::{Attributes, InputShapes, RawAttributes, RequestedOutputs};

    use super::*;

    fn problem(s: i64) -> AttentionProblem {
        let raw = RawAttributes { num_heads: Some(16), ..RawAttributes::default() };
        let shape = [1, s, 1024];
        let shapes = InputShapes { query: &shape, key: Some(&shape), value: Some(&shape), ..InputShapes::default() };
        mha_spec::problem(&Attributes::new(raw).unwrap(), DType::F32, &shapes, None, RequestedOutputs::default())
            .unwrap()
    }

    /// Who answers the last of some calls, with made-up times of a discrete GPU and of a CPU.
    fn settled(s: i64, times: impl Fn(Route) -> Duration) -> (Route, [usize; 2]) {
        let router = Router::default();
        let mut counts = [0; 2];
        let mut last = Route::Gpu;
        for _ in 0..20 {
            let class = Class::of(&problem(s));
            let (route, _) = router.choose(class, &problem(s), &devices::h100(), 0, 31);
            counts[usize::from(route == Route::Cpu)] += 1;
            router.record(class, route, times(route));
            last = route;
        }
        (last, counts)
    }

    #[test]
    fn the_faster_answers() {
        let us = Duration::from_micros;
        let small = settled(16, |route| if route == Route::Gpu { us(120) } else { us(40) });
        assert_eq!(small.0, Route::Cpu);
        let large = settled(1024, |route| if route == Route::Gpu { us(900) } else { us(30_000) });
        assert_eq!(large.0, Route::Gpu);
    }

    #[test]
    fn a_cpu_that_cannot_win_is_not_tried() {
        // 2^36 FLOP take two thousand cores to be done in 1 ms.
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        if cores < 128 {
            let (last, counts) = settled(4096, |_| Duration::from_millis(1));
            assert_eq!((last, counts), (Route::Gpu, [20, 0]));
        }
        // What takes less than a submission is none for a GPU.
        let (last, counts) = settled(1, |_| Duration::from_micros(5));
        assert_eq!((last, counts), (Route::Cpu, [0, 20]));
    }

    #[test]
    fn what_was_far_behind_is_not_tried_at_every_length() {
        let router = Router::default();
        let mut answered = Vec::new();
        for s in (16..512).flat_map(|s| [s; 9]) {
            let problem = problem(s);
            let class = Class::of(&problem);
            let (route, _) = router.choose(class, &problem, &devices::lavapipe(), 0, 31);
            answered.push((s, route));
            // The GPU takes a hundred times as long, in proportion to the work.
            let cpu = Duration::from_nanos(50 * (s * s) as u64);
            router.record(class, route, if route == Route::Gpu { 100 * cpu } else { cpu });
        }
        let mut tried: Vec<i64> = answered.iter().filter(|(_, route)| *route == Route::Gpu).map(|(s, _)| *s).collect();
        assert_eq!(tried.len(), 12, "{tried:?}");
        tried.dedup();
        assert_eq!(
            tried.len(),
            3,
            "the first, and those at which the CPU took a quarter of what the GPU had: {tried:?}"
        );
    }

    #[test]
    fn what_was_close_is_tried_at_every_length() {
        let router = Router::default();
        let times = |route, s: i64| Duration::from_micros(if route == Route::Gpu { 400 } else { 4 * s as u64 });
        for s in [32, 64, 128, 256] {
            let class = Class::of(&problem(s));
            let mut last = Route::Gpu;
            for _ in 0..9 {
                last = router.choose(class, &problem(s), &devices::h100(), 0, 31).0;
                router.record(class, last, times(last, s));
            }
            assert_eq!(last, if s < 100 { Route::Cpu } else { Route::Gpu }, "{s}");
        }
    }

    #[test]
    fn a_shared_past_stays_on_the_gpu_where_the_cpu_kernel_may_be_wrong() {
        let shared = AttentionProblem { past: Past::Shared { len: 3, capacity: 8 }, ..problem(1) };
        let (router, class) = (Router::default(), Class::of(&shared));
        for _ in 0..10 {
            assert_eq!(router.choose(class, &shared, &devices::h100(), 0, 30), (Route::Gpu, None));
        }
        assert!(router.choose(class, &shared, &devices::h100(), 0, 31).1.is_some());
    }
}
