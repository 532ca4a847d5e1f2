//! The table of `profile=summary`.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::Duration;

use super::Call;

const OP: &str = "MultiHeadAttention";

/// Times of a session's calls by what computed them. Written to standard error when it is dropped.
#[derive(Debug)]
pub(super) struct Summary {
    /// The session's path.
    run: &'static str,
    providers: Vec<Provider>,
}

/// The calls that one device, or the CPU, computed.
#[derive(Debug)]
struct Provider {
    name: String,
    calls: Times,
    upload: Times,
    kernel: Times,
    download: Times,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    count: u32,
    total: Duration,
    least: Duration,
    most: Duration,
}

impl Times {
    const NONE: Times = Times { count: 0, total: Duration::ZERO, least: Duration::MAX, most: Duration::ZERO };

    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.total += time;
        self.least = self.least.min(time);
        self.most = self.most.max(time);
    }
}

impl Summary {
    pub(super) fn new(run: &'static str) -> Summary {
        Summary { run, providers: Vec::new() }
    }

    pub(super) fn add(&mut self, call: &Call<'_>) {
        let position = self.providers.iter().position(|provider| provider.name == call.provider);
        let position = position.unwrap_or_else(|| {
            let name = call.provider.to_owned();
            let none = Times::NONE;
            self.providers.push(Provider { name, calls: none, upload: none, kernel: none, download: none });
            self.providers.len() - 1
        });
        let provider = &mut self.providers[position];
        provider.calls.add(call.total);
        if let Some(parts) = call.parts() {
            provider.upload.add(parts.upload);
            provider.kernel.add(parts.kernel);
            provider.download.add(parts.download);
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Duration = self.providers.iter().map(|provider| provider.calls.total).sum();
        let ms = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
        let header = ["run", "op", "count", "total ms", "average ms", "min ms", "max ms", "share", "provider"];
        let mut rows = vec![header.map(String::from)];
        for provider in &self.providers {
            let parts = [
                (OP, &provider.calls),
                ("  upload", &provider.upload),
                ("  kernel", &provider.kernel),
                ("  download", &provider.download),
            ];
            for (op, times) in parts.into_iter().filter(|(_, times)| times.count > 0) {
                let share = 100.0 * times.total.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE);
                rows.push([
                    self.run.into(),
                    op.into(),
                    times.count.to_string(),
                    ms(times.total),
                    ms(times.total / times.count),
                    ms(times.least),
                    ms(times.most),
                    format!("{share:.1} %"),
                    provider.name.clone(),
                ]);
            }
        }
        let widths: [usize; 9] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
        for row in &rows {
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                // Numbers to the right, words to the left.
                match column {
                    2..=7 => write!(f, "{cell:>width$}  ")?,
                    8 => write!(f, "{cell}")?,
                    _ => write!(f, "{cell:<width$}  ")?,
                }
            }
            f.write_char('\n')?;
        }
        Ok(())
    }
}

impl Drop for Summary {
    fn drop(&mut self) {
        if !self.providers.is_empty() {
            // A closed standard error is no reason to fail.
            let _ = std::io::stderr().write_all(self.to_string().as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::tests::{MS, report};
    use super::*;

    #[test]
    fn calls_add_up_by_provider() {
        let mut summary = Summary::new("baseline");
        let report = report(Some(7 * MS));
        let begin = Instant::now();
        for total in [15 * MS, 25 * MS] {
            summary.add(&Call { node: "a", begin, total, provider: "gpu", report: Some(&report) });
        }
        summary.add(&Call { node: "a", begin, total: 10 * MS, provider: "cpu", report: None });
        let text = summary.to_string();
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect()).collect();
        assert_eq!(rows[0], ["run", "op", "count", "total ms", "average ms", "min ms", "max ms", "share", "provider"]);
        assert_eq!(rows[1], ["baseline", OP, "2", "40.000", "20.000", "15.000", "25.000", "80.0 %", "gpu"]);
        assert_eq!(rows[2], ["baseline", "upload", "2", "20.000", "10.000", "5.000", "15.000", "40.0 %", "gpu"]);
        assert_eq!(rows[3], ["baseline", "kernel", "2", "14.000", "7.000", "7.000", "7.000", "28.0 %", "gpu"]);
        assert_eq!(rows[4], ["baseline", "download", "2", "6.000", "3.000", "3.000", "3.000", "12.0 %", "gpu"]);
        assert_eq!(rows[5], ["baseline", OP, "1", "10.000", "10.000", "10.000", "10.000", "20.0 %", "cpu"]);
        assert_eq!(rows.len(), 6);
        summary.providers.clear();
    }
}
