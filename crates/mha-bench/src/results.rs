//! [`Results`]: everything that a run of the benchmark found, as it is kept in a JSON file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::BenchError;
use crate::run::Measurement;
use crate::shape::Shape;

/// The format that this program writes and reads. It changes when a field does that readers need.
const FORMAT: u64 = 1;

/// What was measured on one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    format: u64,
    /// The adapter, with its driver.
    pub device: String,
    /// TFLOP/s of fused multiply-adds without cooperative matrices, by type.
    pub peak_tflops: BTreeMap<String, f64>,
    /// The shapes that rows name.
    pub shapes: Vec<Shape>,
    /// Measurements, in the order in which they were asked for.
    pub rows: Vec<Measurement>,
    /// What could not be measured.
    pub refused: Vec<Refused>,
    /// Other implementations, which `compare` adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
}

/// A subject that can't run a shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Shape.
    pub shape: String,
    /// Storage type.
    pub dtype: String,
    /// Path or lane.
    pub subject: String,
    /// The rule that it breaks.
    pub why: String,
}

/// What is known of another implementation on a shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// Shape.
    pub shape: String,
    /// Storage type.
    pub dtype: String,
    /// Standard deviation of the scores.
    pub score_deviation: f32,
    /// Its name and version.
    pub subject: String,
    /// GPU time in milliseconds, where it could be told.
    #[serde(default)]
    pub gpu_ms: Option<f64>,
    /// TFLOP/s by GPU time.
    #[serde(default)]
    pub tflops: Option<f64>,
}

impl Results {
    /// Results without a row yet.
    pub fn new(device: String, peak_tflops: BTreeMap<String, f64>, shapes: Vec<Shape>) -> Results {
        Results { format: FORMAT, device, peak_tflops, shapes, rows: vec![], refused: vec![], peers: vec![] }
    }

    /// Reads a file that `--json` or `compare` wrote.
    ///
    /// # Errors
    /// [`BenchError::Results`] where the file can't be read or holds something else.
    pub fn read(path: &Path) -> Result<Results, BenchError> {
        let fail = |message: String| BenchError::Results { path: path.to_owned(), message };
        let text = fs::read_to_string(path).map_err(|error| fail(format!("it can't be read: {error}")))?;
        let other =
            |error| fail(format!("it must hold results as `bench --json` writes them, got another text: {error}"));
        let value: Value = serde_json::from_str(&text).map_err(other)?;
        let format = value.get("format").cloned().unwrap_or_default();
        if format != FORMAT {
            let got = if format.is_null() { "none".to_owned() } else { format.to_string() };
            return Err(fail(format!("it must hold results in format {FORMAT}, got {got}: measure again")));
        }
        let results: Results = serde_json::from_value(value).map_err(other)?;
        let listed = |name: &str| results.shapes.iter().any(|shape| shape.name == name);
        let mut named = results.rows.iter().map(|row| &row.shape).chain(results.peers.iter().map(|peer| &peer.shape));
        match named.find(|name| !listed(name)) {
            Some(name) => Err(fail(format!("its `shapes` must list every shape of its rows, got no `{name}`"))),
            None => Ok(results),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Made-up results of `subjects` on `shapes`: no two measurements are alike, and all rates differ by more than a hair.
    pub(crate) fn made_up(shapes: Vec<Shape>, subjects: &[&str]) -> Results {
        let peaks = [("f32".to_owned(), 10.0), ("f16".to_owned(), 20.0)];
        let mut results = Results::new("Device <1> & Co".to_owned(), peaks.into(), shapes);
        for (row, shape) in results.shapes.iter().enumerate() {
            for (column, subject) in subjects.iter().enumerate() {
                for (dtype, factor) in [("f32", 1.0), ("f16", 0.6)] {
                    let gpu_ms = shape.flops() / 1e9 / (1.0 + row as f64 + 0.37 * column as f64) * factor;
                    results.rows.push(Measurement {
                        shape: shape.name.clone(),
                        dtype: dtype.to_owned(),
                        score_deviation: 1.0,
                        subject: (*subject).to_owned(),
                        decision: "made up".to_owned(),
                        gpu_ms,
                        gpu_ms_spread: [0.9 * gpu_ms, 1.1 * gpu_ms],
                        chain_ms: None,
                        call_ms: 2.0 * gpu_ms,
                        tflops: shape.flops() / gpu_ms / 1e9,
                        gigabytes: 1.0,
                        scratch_bytes: 0,
                        largest_error: 1e-6,
                        rms_error: Some(1e-7),
                    });
                }
            }
        }
        results
    }

    fn read(text: &str) -> Result<Results, String> {
        let file = tempfile::NamedTempFile::new().expect("there is room for a file");
        fs::write(file.path(), text).expect("it can be written");
        Results::read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_written_is_read() {
        let mut results = made_up(Shape::sweep(), &["baseline", "auto"]);
        results.rows[0].largest_error = f64::INFINITY;
        let why = "a reason".to_owned();
        results.refused.push(Refused { shape: "a".into(), dtype: "f16".into(), subject: "auto".into(), why });
        assert_eq!(read(&serde_json::to_string(&results).expect("results are JSON")), Ok(results));
    }

    #[test]
    fn committed_results_are_read() {
        for name in ["h100", "mesa-26.1"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("results/{name}.json"));
            let results = Results::read(&path).expect(name);
            assert!(!results.rows.is_empty() && !results.peers.is_empty(), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut later = made_up(Shape::sweep(), &["baseline"]);
        later.format = 7;
        let later = serde_json::to_string(&later).expect("results are JSON");
        let mut unlisted = made_up(Shape::sweep(), &["baseline"]);
        unlisted.shapes.remove(3);
        let unlisted = serde_json::to_string(&unlisted).expect("results are JSON");
        for (text, want) in [
            (&unlisted[..], "got no `sweep-1024`"),
            ("", "as `bench --json` writes them"),
            ("[]", "in format 1, got none"),
            ("{\"rows\": []}", "in format 1, got none"),
            (&later, "in format 1, got 7: measure again"),
            ("{\"format\": 1}", "missing field"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(want) && !error.contains('\n'), "{want} is not in: {error}");
        }
    }
}
