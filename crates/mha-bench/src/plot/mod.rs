//! Plots of results, as SVG: bars for every shape, and time against sequence length where lengths were swept.

mod bars;
mod data;
mod lengths;
mod style;

use std::path::PathBuf;

use data::Figure;

use crate::error::BenchError;
use crate::output::OutputFolder;
use crate::results::Results;

/// Writes the plots of results to a folder, two for each storage type at most, and gives their paths. Files of the same names
/// are replaced.
///
/// # Errors
/// [`BenchError`] where there is nothing to plot or a file can't be written.
pub fn write(results: &Results, folder: &OutputFolder) -> Result<Vec<PathBuf>, BenchError> {
    draw(results)?.into_iter().map(|(name, svg)| folder.write(&name, &svg)).collect()
}

/// The plots by file name.
fn draw(results: &Results) -> Result<Vec<(String, String)>, BenchError> {
    let mut plots = Vec::new();
    for figure in Figure::all(results) {
        if !figure.plain.is_empty() {
            plots.push((format!("bars-{}.svg", figure.dtype), bars::draw(&figure)?));
        }
        if !figure.swept.is_empty() {
            plots.push((format!("lengths-{}.svg", figure.dtype), lengths::draw(&figure)?));
        }
    }
    if plots.is_empty() {
        return Err(BenchError::Usage("the results hold no measurement: there is nothing to plot".to_owned()));
    }
    Ok(plots)
}

#[cfg(test)]
mod tests;
