//! Log lines: `tracing` events of this library go to the logger of the ONNX Runtime call that they happen in.
//!
//! The subscriber is in force only inside such a call, so a host process keeps its own. Levels: ERROR is error, WARN is
//! warning, INFO is info, and DEBUG and TRACE are verbose.

use std::fmt::{self, Write};
use std::sync::LazyLock;

use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, dispatcher};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::sys::logger::{self, Logger, Severity};

/// Target of every log line of this crate, and of the crates below it.
pub(crate) const TARGET: &str = "ort_webgpu_attention";

/// Runs `body` with its log lines going to `logger`; without one they go nowhere.
pub(crate) fn scope<T>(logger: Option<Logger<'_>>, body: impl FnOnce() -> T) -> T {
    // Made once: registering a subscriber makes `tracing` look at every call site again.
    static DISPATCH: LazyLock<Dispatch> =
        LazyLock::new(|| Dispatch::new(tracing_subscriber::registry().with(OrtLayer)));
    match logger {
        Some(logger) => logger.scope(|| dispatcher::with_default(&DISPATCH, body)),
        None => dispatcher::with_default(&Dispatch::none(), body),
    }
}

/// Writes events to the thread's ONNX Runtime logger.
struct OrtLayer;

impl<S: Subscriber> Layer<S> for OrtLayer {
    fn register_callsite(&self, _metadata: &'static Metadata<'static>) -> Interest {
        // The threshold is that of the thread's logger, so it is asked each time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        logger::enabled(severity(*metadata.level()))
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Line(String::from("ort-webgpu-attention: "));
        event.record(&mut line);
        let (file, number) = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default());
        logger::write(severity(*metadata.level()), &line.0, file, number, metadata.target());
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warning,
        Level::INFO => Severity::Info,
        Level::DEBUG | Level::TRACE => Severity::Verbose,
    }
}

/// An event as text: its message, then its fields as `name=value`.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::logger::tests::recorded;

    #[test]
    fn events_reach_the_logger_of_the_call() {
        let lines = recorded(|logger| {
            tracing::error!("before");
            scope(logger, || {
                tracing::info!("below the threshold");
                tracing::warn!(count = 3, name = "a b", "it {} twice", "happened");
                scope(None, || tracing::error!("nowhere to go"));
                tracing::error!(target: TARGET, "last");
            });
            tracing::error!("after");
        });
        assert_eq!(
            lines,
            ["2: ort-webgpu-attention: it happened twice count=3 name=\"a b\"", "3: ort-webgpu-attention: last",]
        );
    }
}
