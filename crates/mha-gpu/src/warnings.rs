//! [`Warnings`]: what the user of a device is to be told, once, by whichever thread has a log that takes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing::Level;

use crate::LOG;

/// Warnings that no log has taken yet, each once. Those of a thread without one, such as the thread that measures, wait for another's.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    /// Whether there are any, to be looked at in every call.
    waiting: AtomicBool,
    texts: Mutex<Vec<String>>,
}

impl Warnings {
    pub(crate) fn raise(&self, text: String) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if !texts.contains(&text) {
            texts.push(text);
        }
        drop(texts);
        self.waiting.store(true, Ordering::Release);
        self.say();
    }

    /// Says what waits, if this thread's log takes it.
    pub(crate) fn say(&self) {
        if !self.waiting.load(Ordering::Acquire) || !tracing::enabled!(target: LOG, Level::WARN) {
            return;
        }
        let texts = {
            let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
            self.waiting.store(false, Ordering::Relaxed);
            std::mem::take(&mut *texts)
        };
        texts.iter().for_each(|text| tracing::warn!(target: LOG, "{text}"));
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::Arc;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::subscriber::with_default;
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// A log that takes lines of a level and worse.
    #[derive(Clone)]
    struct Log {
        level: Level,
        lines: Arc<Mutex<Vec<String>>>,
    }

    impl Subscriber for Log {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.level() <= &self.level
        }

        fn event(&self, event: &Event<'_>) {
            struct Line(String);
            impl Visit for Line {
                fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
                    self.0 = format!("{value:?}");
                }
            }
            let mut line = Line(String::new());
            event.record(&mut line);
            self.lines.lock().unwrap().push(line.0);
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn a_warning_that_waits_is_not_raised_again() {
        let lines = Arc::default();
        let log = Log { level: Level::WARN, lines: Arc::clone(&lines) };
        let warnings = Warnings::default();
        ["first", "second", "first", "first"].into_iter().for_each(|text| warnings.raise(text.into()));
        with_default(log, || warnings.say());
        assert_eq!(*lines.lock().unwrap(), ["first", "second"]);
    }

    #[test]
    fn a_warning_waits_for_a_log_that_takes_it() {
        let lines = Arc::default();
        let log = |level| Log { level, lines: Arc::clone(&lines) };
        let warnings = Arc::new(Warnings::default());
        let aside = Arc::clone(&warnings);
        std::thread::spawn(move || ["first", "second"].map(|text| aside.raise(text.into()))).join().unwrap();
        with_default(log(Level::ERROR), || warnings.say());
        assert!(lines.lock().unwrap().is_empty());
        with_default(log(Level::WARN), || {
            warnings.say();
            assert_eq!(*lines.lock().unwrap(), ["first", "second"]);
            warnings.say();
            warnings.raise("third".into());
        });
        assert_eq!(*lines.lock().unwrap(), ["first", "second", "third"], "each is said once");
    }
}
