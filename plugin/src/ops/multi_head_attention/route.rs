//! [`Router`]: whether the GPU or ONNX Runtime's CPU kernel answers a call under `route=auto`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mha_plan::{DeviceCaps, DeviceKind};
use mha_spec::{AttentionProblem, DType, Past, PresentOutputs};
use mha_tune::{Class, Contest, Reason, Work};

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

/// Who answers a call, and why.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) route: Route,
    pub(super) reason: Reason,
    /// Whether [`ClassRoute::record`] is to be told what the call took.
    pub(super) is_timed: bool,
}

/// Who answers the calls of one class.
#[derive(Debug)]
pub(super) struct ClassRoute {
    /// With the reason of its latest choice.
    contest: Mutex<(Contest, Reason)>,
    /// The work of its first problem.
    work: Work,
    standing: Standing,
}

impl ClassRoute {
    fn new(at_best: Vec<Duration>, work: Work) -> ClassRoute {
        let contest = Mutex::new((Contest::new(at_best), Reason::Measuring));
        ClassRoute { contest, work, standing: Standing::default() }
    }

    /// Who answers the next call by what was chosen before, if that stands yet. Such a call needs no [`ClassRoute::record`].
    pub(super) fn standing(&self) -> Option<Route> {
        self.standing.take()
    }

    /// Who answers the next call, and why.
    pub(super) fn choose(&self) -> Chosen {
        let (contest, latest) = &mut *self.contest();
        // Another thread may have chosen since nothing stood. Without this look under the lock, calls would be skipped twice.
        if let Some(route) = self.standing.take() {
            return Chosen { route, reason: *latest, is_timed: false };
        }
        let choice = contest.choose();
        *latest = choice.reason;
        let route = CANDIDATES[choice.candidate];
        let untimed = contest.untimed(&choice);
        self.standing.set(route, contest.skip(&choice, untimed));
        Chosen { route, reason: choice.reason, is_timed: true }
    }

    /// Tells what a call took, and whether something that will not last disturbed it.
    pub(super) fn record(&self, route: Route, time: Duration, is_disturbed: bool) {
        let candidate = CANDIDATES.iter().position(|known| *known == route).unwrap_or_default();
        self.contest().0.record(candidate, time, is_disturbed);
    }

    fn contest(&self) -> MutexGuard<'_, (Contest, Reason)> {
        self.contest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A choice, and how many more calls it stands for; without a lock, as it is looked at in every call. No other data hangs on it,
/// so that no order of memory does.
#[derive(Debug, Default)]
struct Standing(AtomicU32);

impl Standing {
    /// The choice, if it stands for a call that is now counted.
    fn take(&self) -> Option<Route> {
        let one_less = |calls: u32| calls.checked_sub(CANDIDATES.len() as u32);
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok()?;
        Some(CANDIDATES[before as usize % CANDIDATES.len()])
    }

    fn set(&self, route: Route, calls: u32) {
        let candidate = CANDIDATES.iter().position(|known| *known == route).unwrap_or_default();
        self.0.store(calls * CANDIDATES.len() as u32 + candidate as u32, Ordering::Relaxed);
    }
}

/// The contests of one session, by class of problem: few, so that comparing classes costs less than hashing one.
#[derive(Debug, Default)]
pub(crate) struct Router {
    classes: Mutex<BTreeMap<Class, Arc<ClassRoute>>>,
}

/// The least that each candidate could take, by what others of the kind took: the second greatest of their bounds, as a class whose
/// calls were all disturbed would else keep a candidate from the classes after it.
fn by_others(classes: &BTreeMap<Class, Arc<ClassRoute>>, class: Class, work: &Work, candidate: usize) -> Duration {
    let like = classes.iter().filter(|(other, _)| other.is_like(&class));
    let mut bounds: Vec<Duration> = like
        .filter_map(|(_, other)| {
            let share = work.share_of(&other.work).min(1.0);
            Some(other.contest().0.known(candidate)?.mul_f64(share * LEAST_PART))
        })
        .collect();
    bounds.sort_unstable_by(|a, b| b.cmp(a));
    bounds.get(1).copied().unwrap_or_default()
}

impl Router {
    /// Who answers the calls of the class that `problem` is of; none where the CPU kernel of this runtime may be wrong.
    pub(super) fn class(
        &self,
        problem: &AttentionProblem,
        caps: &DeviceCaps,
        resident_bytes: u64,
        runtime_minor_version: u32,
    ) -> Option<Arc<ClassRoute>> {
        if matches!(problem.past, Past::Shared { .. }) && runtime_minor_version < SHARED_PAST_IS_RIGHT_FROM {
            return None;
        }
        let class = Class::of(problem);
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = classes.get(&class) {
            return Some(Arc::clone(known));
        }
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let work = Work::of(problem);
        // Inputs that stay on the device need no transfer, nor do presents that the host copies; the CPU converts float16 in both
        // directions.
        let answer = AttentionProblem { present: PresentOutputs::default(), ..problem.clone() };
        let moved = (Work::of(&answer).bytes - resident_bytes as f64).max(0.0);
        let read = if problem.dtype == DType::F16 { 3.0 * work.bytes } else { work.bytes };
        // Causality may leave out half.
        let flops = if problem.causal { work.flops / 2.0 } else { work.flops };
        let at_best = [AtBest::gpu(caps, cores).time(flops, moved), AtBest::cpu(cores).time(flops, read)];
        let least =
            (0..).zip(at_best).map(|(candidate, at_best)| at_best.max(by_others(&classes, class, &work, candidate)));
        let new = Arc::new(ClassRoute::new(least.collect(), work));
        classes.insert(class, Arc::clone(&new));
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

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

    /// Who answers a call.
    fn call(class: &ClassRoute, time: impl Fn(Route) -> Duration) -> Route {
        class.standing().unwrap_or_else(|| {
            let Chosen { route, is_timed, .. } = class.choose();
            if is_timed {
                class.record(route, time(route), false);
            }
            route
        })
    }

    /// Who answers the last of some calls, with made-up times of a discrete GPU and of a CPU.
    fn settled(s: i64, times: impl Fn(Route) -> Duration) -> (Route, [usize; 2]) {
        let router = Router::default();
        let mut counts = [0; 2];
        let mut last = Route::Gpu;
        for _ in 0..48 {
            let class = router.class(&problem(s), &devices::h100(), 0, 31).unwrap();
            last = call(&class, &times);
            counts[usize::from(last == Route::Cpu)] += 1;
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
            assert_eq!((last, counts), (Route::Gpu, [48, 0]));
        }
        // What takes less than a submission is none for a GPU.
        let (last, counts) = settled(1, |_| Duration::from_micros(5));
        assert_eq!((last, counts), (Route::Cpu, [0, 48]));
    }

    #[test]
    fn what_was_far_behind_is_not_tried_at_every_length() {
        let router = Router::default();
        let mut answered = Vec::new();
        for s in (16..512).flat_map(|s| [s; 9]) {
            let problem = problem(s);
            let class = router.class(&problem, &devices::lavapipe(), 0, 31).unwrap();
            // The GPU takes a hundred times as long, in proportion to the work.
            let cpu = Duration::from_nanos(50 * (s * s) as u64);
            answered.push((s, call(&class, |route| if route == Route::Gpu { 100 * cpu } else { cpu })));
        }
        let mut tried: Vec<i64> = answered.iter().filter(|(_, route)| *route == Route::Gpu).map(|(s, _)| *s).collect();
        assert_eq!(tried.len(), 24, "{tried:?}");
        tried.dedup();
        // In the first two classes, and in each two at which the CPU took a quarter of what the GPU had: one has no other to confirm it.
        assert_eq!(tried, [16, 17, 87, 95, 439, 478, 479]);
    }

    #[test]
    fn a_length_that_grows_costs_little_more_than_the_faster_one() {
        // Four layers, whose lengths pass through all classes; who is slower is slower by so much.
        for (slower, most) in [(1.1, 1.04), (1.5, 1.05), (1.9, 1.05), (3.0, 1.08)] {
            let router = Router::default();
            let (mut spent, mut best) = (0.0, 0.0);
            for s in (64..1024).flat_map(|s| [s; 4]) {
                let class = router.class(&problem(s), &devices::h100(), 0, 31).unwrap();
                let cpu = Duration::from_micros(s as u64 * 5);
                let route = call(&class, |route| if route == Route::Gpu { cpu.mul_f64(slower) } else { cpu });
                best += cpu.as_secs_f64();
                spent += cpu.as_secs_f64() * if route == Route::Gpu { slower } else { 1.0 };
            }
            assert!(spent / best < most, "{slower}: {}", spent / best);
        }
    }

    #[test]
    fn what_was_close_is_tried_at_every_length() {
        let router = Router::default();
        let times = |route, s: i64| Duration::from_micros(if route == Route::Gpu { 400 } else { 4 * s as u64 });
        for s in [32, 64, 128, 256] {
            let class = router.class(&problem(s), &devices::h100(), 0, 31).unwrap();
            let mut last = Route::Gpu;
            for _ in 0..9 {
                last = call(&class, |route| times(route, s));
            }
            assert_eq!(last, if s < 100 { Route::Cpu } else { Route::Gpu }, "{s}");
        }
    }

    #[test]
    fn a_shared_past_stays_on_the_gpu_where_the_cpu_kernel_may_be_wrong() {
        let shared = AttentionProblem { past: Past::Shared { len: 3, capacity: 8 }, ..problem(1) };
        let router = Router::default();
        assert!(router.class(&shared, &devices::h100(), 0, 30).is_none());
        assert!(router.class(&shared, &devices::h100(), 0, 31).is_some());
    }

    #[test]
    fn one_disturbed_class_does_not_keep_the_gpu_from_others() {
        let router = Router::default();
        let mut answered = Vec::new();
        for s in [32, 64, 128] {
            let class = router.class(&problem(s), &devices::h100(), 0, 31).unwrap();
            // The GPU is the faster one, but something else ran on it at first.
            let gpu = Duration::from_micros(if s == 32 { 90_000 } else { 50 });
            let time = |route| if route == Route::Gpu { gpu } else { Duration::from_millis(1) };
            answered.push([(); 9].map(|()| call(&class, time))[8]);
        }
        assert_eq!(answered, [Route::Cpu, Route::Gpu, Route::Gpu]);
    }

    #[test]
    fn short_calls_are_mostly_not_timed() {
        for (us, expected) in [(100, 8..16), (5000, 50..70), (20_000, 200..201)] {
            let class = Router::default().class(&problem(16), &devices::h100(), 0, 31).unwrap();
            let timed = Cell::new(0);
            for _ in 0..200 {
                call(&class, |route| {
                    timed.set(timed.get() + 1);
                    Duration::from_micros(if route == Route::Cpu { us } else { 9 * us })
                });
            }
            assert!(expected.contains(&timed.get()), "{}", timed.get());
        }
    }

    #[test]
    fn threads_that_find_nothing_standing_share_one_choice() {
        let class = Router::default().class(&problem(16), &devices::h100(), 0, 31).unwrap();
        let time = |route| Duration::from_micros(if route == Route::Cpu { 1000 } else { 2000 });
        // Through both measurements, that of the start and the one that confirms it.
        for _ in 0..400 {
            let Chosen { route, is_timed, .. } = class.choose();
            if is_timed {
                class.record(route, time(route), false);
            }
        }
        while class.standing().is_some() {}
        // Each has looked before any of them chooses.
        assert_eq!([(); 3].map(|()| class.standing()), [None; 3]);
        let chosen = [(); 3].map(|()| class.choose());
        assert_eq!(chosen.each_ref().map(|chosen| chosen.is_timed), [true, false, false]);
        assert!(chosen.iter().all(|other| other.route == Route::Cpu && other.reason == chosen[0].reason), "{chosen:?}");
        let left = (0..100).take_while(|_| class.standing().is_some()).count();
        // Sixteen go untimed after a call of a millisecond.
        assert_eq!(left, 16 - 2, "calls that stand are counted once");
    }

    #[test]
    fn a_choice_stands_for_as_many_calls_as_it_says() {
        let standing = Standing::default();
        assert_eq!(standing.take(), None);
        for route in CANDIDATES {
            standing.set(route, 2);
            assert_eq!([(); 3].map(|()| standing.take()), [Some(route), Some(route), None]);
        }
    }
}
