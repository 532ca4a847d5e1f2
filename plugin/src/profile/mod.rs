//! The option `profile`: times of a session's calls, gathered while it runs and reported when it ends.

mod summary;
mod trace;

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mha_gpu::{RunReport, Timestamps};
use mha_spec::{Options, ProfileChoice};

use summary::Summary;
use trace::Trace;

/// One call of a node, done.
pub(crate) struct Call<'a> {
    /// Name of the node.
    pub(crate) node: &'a str,
    /// When the host began it.
    pub(crate) begin: Instant,
    /// What the host waited for it.
    pub(crate) total: Duration,
    /// What computed it.
    pub(crate) provider: &'a str,
    /// The device's part; none where ONNX Runtime's CPU kernel computed it.
    pub(crate) report: Option<&'a RunReport>,
}

/// The parts of a call on a device; they add up to its time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Parts {
    /// Until the first kernel begins: inputs to the device, recording, submission.
    upload: Duration,
    /// The kernels, by the device's clock; without timestamp queries, all that the host waited.
    kernel: Duration,
    /// From the last kernel's end on: outputs to the host, and those that it copies itself.
    download: Duration,
}

impl Call<'_> {
    fn parts(&self) -> Option<Parts> {
        let report = self.report?;
        let kernel = report.gpu_time.unwrap_or(report.host.wait).min(self.total);
        let after = report.time_after.unwrap_or_default();
        // The host may be at it for longer than the device.
        let copying = report.gpu_time.map_or(Duration::ZERO, |time| report.host.copying.saturating_sub(time + after));
        let download = (report.host.copy_back + after + copying).min(self.total - kernel);
        Some(Parts { upload: self.total - kernel - download, kernel, download })
    }
}

/// Gathers the calls of one session, and reports them when it is dropped.
#[derive(Debug)]
pub(crate) struct Profile {
    sink: Mutex<Sink>,
}

#[derive(Debug)]
enum Sink {
    Summary(Summary),
    Trace(Trace),
}

impl Profile {
    /// What a session's options ask for, if anything.
    ///
    /// # Errors
    /// The file of a trace that can't be written, and why.
    pub(crate) fn of(options: &Options) -> Result<Option<Profile>, (PathBuf, io::Error)> {
        let sink = match &options.profile {
            ProfileChoice::Off => return Ok(None),
            ProfileChoice::Summary => Sink::Summary(Summary::new(options.path.name())),
            ProfileChoice::Trace(path) => Sink::Trace(Trace::create(path).map_err(|error| (path.clone(), error))?),
        };
        Ok(Some(Profile { sink: Mutex::new(sink) }))
    }

    pub(crate) fn record(&self, call: &Call<'_>) {
        match &mut *self.sink.lock().unwrap_or_else(PoisonError::into_inner) {
            Sink::Summary(summary) => summary.add(call),
            Sink::Trace(trace) => trace.add(call),
        }
    }
}

/// The GPU times that a profile needs.
pub(crate) fn timestamps(choice: &ProfileChoice) -> Timestamps {
    match choice {
        ProfileChoice::Off => Timestamps::Off,
        ProfileChoice::Summary => Timestamps::Call,
        ProfileChoice::Trace(_) => Timestamps::Steps,
    }
}

#[cfg(test)]
mod tests {
    use mha_gpu::HostTimes;

    use super::*;

    pub(super) const MS: Duration = Duration::from_millis(1);

    pub(super) fn report(gpu_time: Option<Duration>) -> RunReport {
        let host = HostTimes { submit: 3 * MS, wait: 10 * MS, copying: MS, copy_back: 2 * MS };
        RunReport { gpu_time, time_after: gpu_time.map(|_| MS), host, ..RunReport::default() }
    }

    #[test]
    fn parts_add_up_to_the_call() {
        let parts = |gpu_time, total| {
            let report = report(gpu_time);
            let call = Call { node: "n", begin: Instant::now(), total, provider: "p", report: Some(&report) };
            call.parts().unwrap()
        };
        let timed = parts(Some(7 * MS), 15 * MS);
        assert_eq!(timed, Parts { upload: 5 * MS, kernel: 7 * MS, download: 3 * MS });
        let untimed = parts(None, 15 * MS);
        assert_eq!(untimed, Parts { upload: 3 * MS, kernel: 10 * MS, download: 2 * MS });
        // Copying on the host that outlasts the device is part of what comes after it.
        let mut long = report(Some(2 * MS));
        long.host.copying = 9 * MS;
        let call = Call { node: "n", begin: Instant::now(), total: 15 * MS, provider: "p", report: Some(&long) };
        let expected = Parts { upload: 4 * MS, kernel: 2 * MS, download: 9 * MS };
        assert_eq!(call.parts().unwrap(), expected);
        // Clocks that disagree take nothing below zero.
        let odd = parts(Some(20 * MS), 15 * MS);
        assert_eq!(odd, Parts { upload: Duration::ZERO, kernel: 15 * MS, download: Duration::ZERO });
    }
}
