//! What a plot shows of [`Results`].

use std::collections::BTreeMap;

use crate::results::Results;
use crate::shape::Shape;

/// Lengths that make a sweep.
const SWEEP: usize = 3;

/// The part of results that has one storage type.
pub struct Figure<'a> {
    pub device: &'a str,
    pub dtype: &'a str,
    /// Standard deviation of the scores: the first that was measured.
    pub deviation: f32,
    /// TFLOP/s of fused multiply-adds in float32 without cooperative matrices, which all rates are a share of.
    pub peak: Option<f64>,
    /// Every subject of the results, whatever the type, so that one has the same colour in all plots.
    pub subjects: Vec<&'a str>,
    /// Shapes that are not part of the sweep.
    pub plain: Vec<&'a Shape>,
    /// Shapes that differ in their length alone, by length.
    pub swept: Vec<&'a Shape>,
    cells: BTreeMap<(&'a str, &'a str), Cell>,
}

/// What is known of a subject on a shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// Times in milliseconds.
    Measured { gpu_ms: f64, spread: Option<[f64; 2]>, tflops: f64 },
    /// It can't run.
    Refused,
}

impl<'a> Figure<'a> {
    /// One for each storage type with a measurement.
    pub fn all(results: &'a Results) -> Vec<Figure<'a>> {
        let dtypes = distinct(results.rows.iter().map(|row| row.dtype.as_str()));
        dtypes.into_iter().map(|dtype| Figure::new(results, dtype)).collect()
    }

    fn new(results: &'a Results, dtype: &'a str) -> Figure<'a> {
        let deviation = results.rows.first().map_or(1.0, |row| row.score_deviation);
        let mut cells = BTreeMap::new();
        for refused in results.refused.iter().filter(|refused| refused.dtype == dtype) {
            cells.insert((refused.shape.as_str(), refused.subject.as_str()), Cell::Refused);
        }
        for row in results.rows.iter().filter(|row| row.dtype == dtype && row.score_deviation == deviation) {
            let cell = Cell::Measured { gpu_ms: row.gpu_ms, spread: Some(row.gpu_ms_spread), tflops: row.tflops };
            cells.insert((&row.shape, &row.subject), cell);
        }
        for peer in results.peers.iter().filter(|peer| peer.dtype == dtype && peer.score_deviation == deviation) {
            if let (Some(gpu_ms), Some(tflops)) = (peer.gpu_ms, peer.tflops) {
                cells.insert((&peer.shape, &peer.subject), Cell::Measured { gpu_ms, spread: None, tflops });
            }
        }
        let own = results.rows.iter().map(|row| row.subject.as_str());
        let refused = results.refused.iter().map(|refused| refused.subject.as_str());
        let peers = results.peers.iter().filter(|peer| peer.gpu_ms.is_some()).map(|peer| peer.subject.as_str());
        let seen = |shape: &&Shape| cells.keys().any(|(name, _)| *name == shape.name);
        let shapes: Vec<&Shape> = results.shapes.iter().filter(seen).collect();
        let swept = sweep(&shapes);
        Figure {
            device: &results.device,
            dtype,
            deviation,
            peak: results.peak_tflops.get("f32").copied(),
            subjects: distinct(own.chain(refused).chain(peers)),
            plain: shapes.into_iter().filter(|shape| !swept.contains(shape)).collect(),
            swept,
            cells,
        }
    }

    pub fn cell(&self, shape: &Shape, subject: &str) -> Option<Cell> {
        self.cells.get(&(shape.name.as_str(), subject)).copied()
    }
}

/// The largest set of square shapes that are named after their length, as `sweep-512`, and differ in nothing else, by length.
/// Empty where no set is a sweep.
fn sweep<'a>(shapes: &[&'a Shape]) -> Vec<&'a Shape> {
    let mut sets: BTreeMap<_, BTreeMap<u32, &Shape>> = BTreeMap::new();
    for shape in shapes.iter().filter(|shape| shape.q_len == shape.kv_len) {
        if let Some(stem) = shape.name.strip_suffix(&format!("-{}", shape.q_len)) {
            let Shape { batch, heads, head_size, causal, .. } = shape;
            sets.entry((stem, batch, heads, head_size, causal)).or_default().insert(shape.q_len, shape);
        }
    }
    let largest = sets.into_values().max_by_key(BTreeMap::len).filter(|set| set.len() >= SWEEP);
    largest.into_iter().flat_map(BTreeMap::into_values).collect()
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}
