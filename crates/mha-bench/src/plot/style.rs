//! Colours, letters and numbers of all plots.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::BenchError;

/// Colours that colour-blind people tell apart: the scheme "muted" of Paul Tol, Colour Schemes, SRON/EPS/TN/09-002,
/// <https://personal.sron.nl/~pault/>, and black.
const PALETTE: [RGBColor; 10] = [
    RGBColor(0x33, 0x22, 0x88),
    RGBColor(0xCC, 0x66, 0x77),
    RGBColor(0x11, 0x77, 0x33),
    RGBColor(0x88, 0xCC, 0xEE),
    RGBColor(0xDD, 0xCC, 0x77),
    RGBColor(0x88, 0x22, 0x55),
    RGBColor(0x44, 0xAA, 0x99),
    RGBColor(0x99, 0x99, 0x33),
    RGBColor(0xAA, 0x44, 0x99),
    BLACK,
];

pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub const PALE: RGBColor = RGBColor(0x66, 0x66, 0x66);
pub const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);

/// Width of a letter as a part of its height: that of wide fonts, as nobody knows which one a viewer has.
const LETTER: f64 = 0.62;

/// A point of a drawing area in pixels.
pub type Point = (i32, i32);
/// A drawing in memory.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

pub fn colour(index: usize) -> RGBColor {
    PALETTE[index % PALETTE.len()]
}

/// Letters of a height in pixels.
pub fn letters(height: u32, colour: RGBColor, anchor: HPos) -> TextStyle<'static> {
    // The SVG backend takes sizes as 1.24 times what it writes.
    ("sans-serif", f64::from(height) * 1.24).into_font().color(&colour).pos(Pos::new(anchor, VPos::Center))
}

/// Pixels that a text takes at most, or nearly.
pub fn width(text: &str, height: u32) -> i32 {
    (text.chars().count() as f64 * f64::from(height) * LETTER).ceil() as i32
}

/// A number with three digits that count.
pub fn significant(value: f64) -> String {
    let whole = if value > 0.0 { value.log10().floor() as i32 } else { 0 };
    format!("{value:.*}", (2 - whole).clamp(0, 9) as usize)
}

/// A round number, without the digits that its making in binary left.
pub fn round_number(value: f64) -> String {
    format!("{}", (value * 1e9).round() / 1e9)
}

/// The heading of a plot: a title and smaller lines below it. [`HEADING`] pixels high.
pub fn heading(area: &Area<'_>, title: &str, lines: [&str; 2]) -> Result<(), BenchError> {
    area.draw_text(title, &letters(17, INK, HPos::Left), (MARGIN, 24)).map_err(failed)?;
    for (line, y) in lines.into_iter().zip([46, 64]) {
        area.draw_text(line, &letters(12, PALE, HPos::Left), (MARGIN, y)).map_err(failed)?;
    }
    Ok(())
}

/// Pixels from the top to what follows the heading.
pub const HEADING: i32 = 86;
/// Pixels left free at the sides.
pub const MARGIN: i32 = 20;

pub fn failed(error: impl std::fmt::Display) -> BenchError {
    BenchError::Plot(error.to_string())
}
