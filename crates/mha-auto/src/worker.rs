//! [`Worker`]: measures beside a session's work, on a thread of its own and within bounds.

use std::sync::atomic::{AtomicBool, Ordering};
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

/// The measuring thread, started when it is first needed.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    stopped: Arc<AtomicBool>,
    thread: Mutex<Option<(Sender<AttentionProblem>, JoinHandle<()>)>>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>) -> Worker {
        Worker { shared, stopped: Arc::default(), thread: Mutex::new(None) }
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
            let body = move || work(&shared, &stopped, &problems);
            *thread = thread::Builder::new().name("measure attention".into()).spawn(body).ok().map(|t| (sender, t));
        }
        if let Some((sender, _)) = &*thread {
            // It fails where the thread has used up its time.
            let _ = sender.send(problem);
        }
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

fn work(shared: &Shared, stopped: &AtomicBool, problems: &Receiver<AttentionProblem>) {
    let mut left = MOST_TIME;
    for problem in problems {
        let begin = Instant::now();
        let proceed = || {
            let wait = Instant::now();
            while shared.gpu.is_busy() && wait.elapsed() < PATIENCE && !stopped.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_micros(200));
            }
            !stopped.load(Ordering::Relaxed) && begin.elapsed() < left
        };
        if let Ok(Some(measured)) = measure(&shared.gpu, &problem, &Effort::ASIDE, proceed) {
            shared.learn_or_warn(&problem, measured.known);
        }
        left = left.saturating_sub(begin.elapsed());
        if left.is_zero() || shared.gpu.is_lost() {
            return;
        }
    }
}
