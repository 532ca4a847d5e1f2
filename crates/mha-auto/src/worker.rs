//! [`Worker`]: measures beside a session's work, on a thread of its own and within bounds.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mha_spec::AttentionProblem;

use crate::auto::{Shared, lock};
use crate::measure::{Effort, measure};

/// Time that a process spends measuring in all, compiling included. What it leaves unmeasured stays on the tuning tables.
const MOST_TIME: Duration = Duration::from_secs(10);
/// How long a sample waits for a moment without calls before it takes its turn among them.
const PATIENCE: Duration = Duration::from_millis(20);
/// What of [`MOST_TIME`] is spent.
static SPENT: Mutex<Duration> = Mutex::new(Duration::ZERO);

/// The measuring thread, started when it is first needed.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    stopped: Arc<AtomicBool>,
    /// Problems that it has still to answer for.
    pending: Arc<AtomicUsize>,
    thread: Mutex<Option<(Sender<AttentionProblem>, JoinHandle<()>)>>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>) -> Worker {
        Worker { shared, stopped: Arc::default(), pending: Arc::default(), thread: Mutex::new(None) }
    }

    /// Has a problem measured, in its time. Without threads to be had, or after the end, nothing is.
    pub(crate) fn measure(&self, problem: AttentionProblem) {
        let mut thread = lock(&self.thread);
        if self.stopped.load(Ordering::Relaxed) {
            return;
        }
        if thread.is_none() {
            let (sender, problems) = channel();
            let (shared, stopped) = (Arc::clone(&self.shared), Arc::clone(&self.stopped));
            let pending = Arc::clone(&self.pending);
            let body = move || work(&shared, &stopped, &problems, &pending);
            *thread = thread::Builder::new().name("measure attention".into()).spawn(body).ok().map(|t| (sender, t));
        }
        if let Some((sender, _)) = &*thread {
            self.pending.fetch_add(1, Ordering::Relaxed);
            // It fails where the thread has used up its time, and has ended.
            let _ = sender.send(problem);
        }
    }

    /// Whether the thread has something to measure.
    pub(crate) fn is_measuring(&self) -> bool {
        let is_alive = lock(&self.thread).as_ref().is_some_and(|(_, thread)| !thread.is_finished());
        is_alive && self.pending.load(Ordering::Relaxed) > 0
    }

    /// Ends the thread, and waits until it has.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        let thread = lock(&self.thread).take();
        if let Some((sender, thread)) = thread {
            drop(sender);
            // Its panic, if it had one, was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(shared: &Shared, stopped: &AtomicBool, problems: &Receiver<AttentionProblem>, pending: &AtomicUsize) {
    let stopped = || stopped.load(Ordering::Relaxed);
    for problem in problems {
        let (begin, mut waited) = (Instant::now(), Duration::ZERO);
        let left = MOST_TIME.saturating_sub(*lock(&SPENT));
        let proceed = || {
            waited += wait_for_turn(shared, stopped);
            !stopped() && begin.elapsed() - waited < left
        };
        match measure(&shared.gpu, &problem, &Effort::ASIDE, proceed) {
            Ok(measured) => shared.learn_or_warn(&problem, Some(measured.known)),
            Err(why) if why.is_lasting() => shared.learn_or_warn(&problem, None),
            // This process leaves it, a later one may decide it.
            Err(_) => {}
        }
        pending.fetch_sub(1, Ordering::Relaxed);
        *lock(&SPENT) += begin.elapsed() - waited;
        if begin.elapsed() - waited >= left || shared.gpu.is_lost() || stopped() {
            return;
        }
    }
}

/// Waits until a sample disturbs as little as it can; gives how long that took.
fn wait_for_turn(shared: &Shared, stopped: impl Fn() -> bool) -> Duration {
    let begin = Instant::now();
    while !stopped() && shared.gpu.is_busy() && begin.elapsed() < PATIENCE {
        thread::sleep(Duration::from_micros(200));
    }
    begin.elapsed()
}
