//! [`Auto`]: plans for the path `auto` on one device, by what is known of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, Weak};

use mha_gpu::Gpu;
use mha_plan::{DeviceKind, Plan, PlanOptions, Presents, Refusal};
use mha_spec::{AttentionProblem, PathChoice};
use mha_tune::Class;

use crate::measure::Known;
use crate::store::{Choices, Store, StoreError, extend};
use crate::worker::Worker;

/// Calls of a class before it is measured: what is called once gains nothing.
const CALLS_BEFORE: u32 = 2;

/// Everything known of one device, shared by its sessions. All methods may be called from many threads at once.
pub struct Auto {
    shared: Arc<Shared>,
    cache: Option<PathBuf>,
    /// Calls of each class, up to the one that asks for its measurement.
    calls: Mutex<HashMap<Class, u32>>,
    worker: Worker,
}

/// What sessions and the measuring thread share.
pub(crate) struct Shared {
    pub(crate) gpu: Arc<Gpu>,
    store: Option<Store>,
    known: RwLock<Choices>,
    generation: AtomicU64,
    /// Whether a warning about the file of choices was raised.
    warned: AtomicBool,
}

impl Auto {
    /// What is known of a device, with what a cache directory has of it. The same for all who ask while someone holds it. A file
    /// that can't be used costs one warning and counts as none.
    pub fn of(gpu: &Arc<Gpu>, cache: Option<&Path>) -> Arc<Auto> {
        let mut registry = lock(&REGISTRY);
        registry.retain(|auto| auto.strong_count() > 0);
        let same = |auto: &Arc<Auto>| Arc::ptr_eq(&auto.shared.gpu, gpu) && auto.cache.as_deref() == cache;
        if let Some(auto) = registry.iter().filter_map(Weak::upgrade).find(same) {
            return auto;
        }
        let store = cache.map(|directory| Store::new(directory, gpu.identity()));
        let loaded = store.as_ref().map_or_else(|| Ok(Choices::new()), Store::load);
        let warned = AtomicBool::new(loaded.is_err());
        let known = loaded.unwrap_or_else(|error| {
            gpu.warn(error.to_string());
            Choices::new()
        });
        let shared = Arc::new(Shared {
            gpu: Arc::clone(gpu),
            store,
            known: RwLock::new(known),
            generation: AtomicU64::new(0),
            warned,
        });
        let worker = Worker::new(Arc::clone(&shared));
        let cache = cache.map(Path::to_owned);
        let auto = Arc::new(Auto { shared, cache, calls: Mutex::default(), worker });
        registry.push(Arc::downgrade(&auto));
        auto
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.shared.gpu
    }

    /// Plans for path `auto`: the fastest candidate known for the problem's class, else what the tuning tables say.
    ///
    /// # Errors
    /// A [`Refusal`] where the device can't run the problem.
    pub fn plan(&self, problem: &AttentionProblem) -> Result<Plan, Refusal> {
        self.plan_with(problem, Presents::Device)
    }

    /// As [`plan`](Self::plan), with a say in who writes present outputs.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn plan_with(&self, problem: &AttentionProblem, presents: Presents) -> Result<Plan, Refusal> {
        let prefer = self.known(problem).map(|known| known.preference());
        let options = PlanOptions { path: PathChoice::Auto, prefer, presents, ..PlanOptions::default() };
        self.shared.gpu.plan(problem, &options)
    }

    /// Changes with what is known: plans made before are out of date.
    pub fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Notes that a session called for a problem's answer. The second call of a class that nothing is known of has it measured,
    /// by a thread of its own, unless the device is a software one; gives whether this was that call.
    pub fn called(&self, problem: &AttentionProblem) -> bool {
        let class = Class::of(problem);
        let calls = {
            let mut calls = lock(&self.calls);
            let calls = calls.entry(class).or_default();
            *calls = calls.saturating_add(1);
            *calls
        };
        let is_due = is_due(self.gpu().caps().kind, &self.shared.known(), class, calls);
        if is_due {
            self.learn_aside(problem);
        }
        is_due
    }

    /// Has a problem's class measured by a thread of its own, beside whatever else the device does.
    pub fn learn_aside(&self, problem: &AttentionProblem) {
        self.worker.measure(problem.clone());
    }

    /// What is known of the problem's class; none also where none can decide it.
    pub fn known(&self, problem: &AttentionProblem) -> Option<Known> {
        self.shared.known().get(&Class::of(problem)).cloned().flatten()
    }

    /// Keeps what a measurement found, for this process and, where there is a cache directory, for later ones.
    ///
    /// # Errors
    /// [`StoreError`]; this process knows it all the same.
    pub fn learn(&self, problem: &AttentionProblem, known: Known) -> Result<(), StoreError> {
        self.shared.learn(problem, Some(known))
    }

    /// Whether what is learnt can be kept.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the file can't be written.
    pub fn check_store(&self) -> Result<(), StoreError> {
        self.shared.store.as_ref().map_or(Ok(()), |store| store.add(&Choices::new()).map(drop))
    }

    /// Where choices are kept.
    pub fn store(&self) -> Option<&Store> {
        self.shared.store.as_ref()
    }

    /// Whether the measuring thread has something to measure: times that are taken meanwhile are not those of later.
    pub fn is_measuring(&self) -> bool {
        self.worker.is_measuring()
    }

    /// Ends the measuring thread, once it has finished the launch it waits for.
    pub fn stop(&self) {
        self.worker.stop();
    }
}

impl Shared {
    fn known(&self) -> RwLockReadGuard<'_, Choices> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, problem: &AttentionProblem, known: Option<Known>) -> Result<(), StoreError> {
        let new = Choices::from([(Class::of(problem), known)]);
        // Other processes may have learnt meanwhile.
        let written = self.store.as_ref().map(|store| store.add(&new)).transpose();
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Some(written)) = &written {
            extend(&mut all, written);
        }
        extend(&mut all, &new);
        self.generation.fetch_add(1, Ordering::Release);
        written.map(drop)
    }

    /// As [`Auto::learn`], with the one warning where it fails. None where no measurement beside a session can decide: that is kept
    /// too.
    pub(crate) fn learn_or_warn(&self, problem: &AttentionProblem, known: Option<Known>) {
        if let Err(error) = self.learn(problem, known)
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            self.gpu.warn(error.to_string());
        }
    }
}

/// Whether a class is to be measured on a device of a kind, by what is known and how often the class was called.
fn is_due(kind: DeviceKind, known: &Choices, class: Class, calls: u32) -> bool {
    // A software device would compile and compute on the cores that the session works on, for seconds.
    kind != DeviceKind::Software && calls == CALLS_BEFORE && !known.contains_key(&class)
}

/// Whether a measuring thread of this process has something to measure.
pub fn is_measuring() -> bool {
    let all: Vec<_> = lock(&REGISTRY).iter().filter_map(Weak::upgrade).collect();
    all.iter().any(|auto| auto.is_measuring())
}

/// Ends all measuring threads, as a process must before it unloads graphics drivers.
pub fn stop_all() {
    let all: Vec<_> = lock(&REGISTRY).iter().filter_map(Weak::upgrade).collect();
    all.iter().for_each(|auto| auto.stop());
}

static REGISTRY: Mutex<Vec<Weak<Auto>>> = Mutex::new(Vec::new());

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use mha_gpu::AdapterIdentity;
    use mha_plan::{candidates, devices};
    use mha_testkit::plain;

    use super::*;

    #[test]
    fn a_class_is_due_once_and_not_where_a_file_knows_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let identity =
            AdapterIdentity { name: "GPU".into(), backend: "vulkan".into(), pci: [1, 2], driver: "1".into() };
        let problems = [100, 3000, 1].map(|q_len| plain(1, 8, q_len, q_len, 64));
        let [decided, undecided, new] = problems.each_ref().map(Class::of);
        let candidate = candidates(&problems[0], &devices::h100()).unwrap().all[0].clone();
        let choice = Known { candidate, time: std::time::Duration::from_micros(5), baseline: None };
        let kept = Choices::from([(decided, Some(choice)), (undecided, None)]);
        Store::new(directory.path(), &identity).add(&kept).unwrap();
        let known = Store::new(directory.path(), &identity).load().unwrap();
        let due = |kind, class| (1..5).filter(|&calls| is_due(kind, &known, class, calls)).count();
        for kind in [DeviceKind::Discrete, DeviceKind::Integrated] {
            assert_eq!([decided, undecided, new].map(|class| due(kind, class)), [0, 0, 1], "{kind:?}");
        }
        assert_eq!(due(DeviceKind::Software, new), 0, "a software device is left to `tune`");
    }
}
