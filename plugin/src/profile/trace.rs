//! The trace of `profile=<file>`: events in the JSON trace format, which Perfetto opens.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Call;

/// The track of the GPU; those of host threads follow.
const GPU_TRACK: usize = 0;
/// What every trace begins with.
const HEAD: &str = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";

/// Events of a session's calls. They are written to a file beside the one asked for, which takes its name when the trace
/// is dropped: under that name a trace is whole.
#[derive(Debug)]
pub(super) struct Trace {
    path: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
    origin: Instant,
    /// Tracks of host threads, in the order of their first calls.
    threads: HashMap<ThreadId, usize>,
    /// What went wrong first. Nothing is written after it.
    failed: Option<io::Error>,
}

impl Trace {
    /// Begins a trace that will replace an earlier one at `path`, if there is one, but nothing else.
    pub(super) fn create(path: &Path) -> io::Result<Trace> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let refuse = |kind, why: &str| Err(io::Error::new(kind, why));
        let ends_as_directory =
            path.as_os_str().as_encoded_bytes().last().is_some_and(|&byte| std::path::is_separator(byte.into()));
        let Some(name) = path.file_name().filter(|_| !ends_as_directory) else {
            return refuse(io::ErrorKind::InvalidInput, "it has no file name");
        };
        if path.is_dir() {
            return refuse(io::ErrorKind::IsADirectory, "it is a directory");
        }
        if !is_free(path)? {
            return refuse(io::ErrorKind::AlreadyExists, "there is something else than a trace");
        }
        let mut partial = name.to_owned();
        partial.push(format!(".{}-{}.partial", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        let partial = path.with_file_name(partial);
        let mut file = BufWriter::new(File::create_new(&partial)?);
        write!(file, "{HEAD}{}", name_of_track(GPU_TRACK, "GPU"))?;
        let (path, origin, threads) = (path.to_owned(), Instant::now(), HashMap::new());
        Ok(Trace { path, partial, file, origin, threads, failed: None })
    }

    pub(super) fn add(&mut self, call: &Call<'_>) {
        let known = self.threads.len();
        let track = *self.threads.entry(thread::current().id()).or_insert(known + 1);
        let mut events = Vec::new();
        if track > known {
            let name = if track == 1 { "host".to_owned() } else { format!("host, thread {track}") };
            events.push(name_of_track(track, &name));
        }
        let mut span = |name: &str, track: usize, begin: Instant, length: Duration, arguments: Value| {
            let micros = |time: Duration| time.as_secs_f64() * 1e6;
            let ts = micros(begin.saturating_duration_since(self.origin));
            events.push(json!({
                "name": name, "cat": "attention", "ph": "X", "ts": ts, "dur": micros(length), "pid": 1, "tid": track, "args": arguments
            }));
        };
        span(
            "MultiHeadAttention",
            track,
            call.begin,
            call.total,
            json!({ "node": call.node, "provider": call.provider }),
        );
        if let Some(report) = call.report {
            let host = report.host;
            let submitted = call.begin + host.submit;
            let done = submitted + host.wait;
            span("upload and submit", track, call.begin, host.submit, json!({ "bytes": report.uploaded }));
            span("wait", track, submitted, host.wait, json!({}));
            if !host.copying.is_zero() {
                span("copy rows", track, submitted, host.copying, json!({}));
            }
            span("copy back", track, done, host.copy_back, json!({ "bytes": report.downloaded }));
            // The clocks of the two meet where the host sees the device done.
            if let Some(time) = report.gpu_time {
                let after = report.time_after.unwrap_or_default();
                // Unless the host was still copying by then: it began when the device did.
                let found = submitted + host.copying.min(host.wait);
                let first = if found < done { done.checked_sub(after + time) } else { Some(submitted) };
                let first = first.unwrap_or(call.begin);
                for step in &report.steps {
                    span(step.kernel, GPU_TRACK, first + step.start, step.time, json!({ "node": call.node }));
                }
                if !after.is_zero() {
                    span("copy to host", GPU_TRACK, first + time, after, json!({ "bytes": report.downloaded }));
                }
            }
        }
        self.write(&events);
    }

    fn write(&mut self, events: &[Value]) {
        if self.failed.is_none() {
            self.failed = events.iter().try_for_each(|event| write!(self.file, ",\n{event}")).err();
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.file.write_all(b"\n]}\n")?;
        self.file.flush()?;
        // Much may have come there since the session began.
        if !is_free(&self.path)? {
            let why =
                format!("there is something else than a trace now, so that it stays at {}", self.partial.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        fs::rename(&self.partial, &self.path)
    }
}

/// Whether a trace may take this name: nothing has it, or an empty file, or an earlier trace.
fn is_free(path: &Path) -> io::Result<bool> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
        Ok(found) if !found.is_file() => return Ok(false),
        Ok(_) => {}
    }
    let mut begin = Vec::new();
    File::open(path)?.take(HEAD.len() as u64).read_to_end(&mut begin)?;
    Ok(begin.is_empty() || begin == HEAD.as_bytes())
}

fn name_of_track(track: usize, name: &str) -> Value {
    json!({ "name": "thread_name", "ph": "M", "pid": 1, "tid": track, "args": { "name": name } })
}

impl Drop for Trace {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            // The session's logger may be gone, and a closed standard error is no reason to fail.
            let path = self.path.display();
            let _ = writeln!(io::stderr(), "ort-webgpu-attention: the trace {path} could not be written: {error}");
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = fs::remove_file(&self.partial);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{MS, report};
    use super::*;

    #[test]
    fn a_trace_is_whole_json_under_its_name_only() {
        let directory = std::env::temp_dir().join(format!("ort-webgpu-attention-trace-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("t.json");
        let mut trace = Trace::create(&path).unwrap();
        let mut report = report(Some(7 * MS));
        report.steps = vec![mha_gpu::StepTime { kernel: "rows", start: MS, time: 6 * MS }];
        let begin = Instant::now();
        for _ in 0..2 {
            trace.add(&Call { node: "a \"b\"", begin, total: 15 * MS, provider: "gpu", report: Some(&report) });
        }
        assert!(!path.exists());
        drop(trace);
        let whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let events = whole["traceEvents"].as_array().unwrap();
        let of = |track: usize| events.iter().filter(move |e| e["ph"] == "X" && e["tid"] == track);
        assert_eq!(
            of(GPU_TRACK).map(|e| e["name"].as_str().unwrap()).collect::<Vec<_>>(),
            ["rows", "copy to host"].repeat(2)
        );
        assert_eq!(of(1).count(), 10);
        let call = of(1).next().unwrap();
        assert_eq!((call["dur"].as_f64(), call["args"]["node"].as_str()), (Some(15_000.0), Some("a \"b\"")));
        // On the GPU's track a kernel ends before the host sees it done.
        let (kernel, wait) = (of(GPU_TRACK).next().unwrap(), of(1).find(|e| e["name"] == "wait").unwrap());
        let end = |e: &Value| e["ts"].as_f64().unwrap() + e["dur"].as_f64().unwrap();
        assert!((end(wait) - end(kernel) - 1000.0).abs() < 1.0);
        let names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["t.json"]);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn what_is_no_file_is_refused() {
        assert!(Trace::create(&std::env::temp_dir()).is_err());
        assert!(Trace::create(Path::new("/nonexistent/t.json")).is_err());
        assert!(Trace::create(&std::env::temp_dir().join("t.json/")).is_err());
    }

    #[test]
    fn a_trace_replaces_nothing_but_a_trace() {
        let directory = std::env::temp_dir().join(format!("ort-webgpu-attention-replaced-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("t.json");
        drop(Trace::create(&path).unwrap());
        let trace = fs::read(&path).unwrap();
        for (before, is_replaced) in
            [(&trace[..], true), (b"", true), (b"{}", false), (&trace[..HEAD.len() - 1], false), (b"\x08\x0a", false)]
        {
            fs::write(&path, &trace).unwrap();
            let late = Trace::create(&path).unwrap();
            let partial = late.partial.clone();
            fs::write(&path, before).unwrap();
            drop(late);
            assert_eq!(fs::read(&path).unwrap() == trace, is_replaced, "{before:?}");
            // It is whole then, beside what came there.
            assert_eq!(fs::read(&partial).is_ok_and(|left| left == trace), !is_replaced, "{before:?}");
            let _ = fs::remove_file(&partial);
            fs::write(&path, before).unwrap();
            let made = Trace::create(&path).map(drop).map_err(|error| error.kind());
            let expected = if is_replaced { Ok(()) } else { Err(io::ErrorKind::AlreadyExists) };
            assert_eq!(made, expected, "{before:?}");
            assert_eq!(fs::read(&path).unwrap() == trace, is_replaced, "{before:?}");
            assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "{before:?}");
        }
        fs::remove_dir_all(&directory).unwrap();
    }
}
