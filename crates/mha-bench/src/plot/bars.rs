//! Bars: for every shape a panel with a scale of its own, and in it a bar for every subject.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::data::{Cell, Figure};
use super::style::{
    Area, GRID, HEADING, INK, MARGIN, PALE, Point, colour, failed, heading, letters, round_number, significant, width,
};
use crate::error::BenchError;
use crate::shape::Shape;

/// Pixels of a subject's row, and of its bar in it.
const ROW: i32 = 19;
const BAR: i32 = 12;
/// Pixels over and under a panel's rows: its title, and its axis with room to the next panel.
const TITLE: i32 = 42;
const AXIS: i32 = 44;
/// Pixels of the longest bar.
const LONGEST: i32 = 260;
/// Pixels between panels that stand side by side.
const GUTTER: i32 = 30;
const LETTERS: u32 = 12;

/// A rate with what is written beside it.
struct Rate {
    tflops: f64,
    /// From and to, where it is known.
    spread: Option<[f64; 2]>,
    label: String,
}

/// A shape with the subjects that there is something to show of: their index, and a rate unless they refused.
struct Panel<'a> {
    shape: &'a Shape,
    rows: Vec<(usize, Option<Rate>)>,
}

impl<'a> Panel<'a> {
    fn new(figure: &Figure<'_>, shape: &'a Shape) -> Panel<'a> {
        let row = |(index, subject): (usize, &&str)| match figure.cell(shape, subject)? {
            Cell::Refused => Some((index, None)),
            Cell::Measured { gpu_ms, spread, tflops } => {
                let share =
                    figure.peak.map(|peak| format!(", {} %", percent(100.0 * tflops / peak))).unwrap_or_default();
                let label = format!("{} TFLOP/s{share}, {} ms", significant(tflops), significant(gpu_ms));
                let spread = spread.map(|[fast, slow]| [tflops * gpu_ms / slow, tflops * gpu_ms / fast]);
                Some((index, Some(Rate { tflops, spread, label })))
            }
        };
        Panel { shape, rows: figure.subjects.iter().enumerate().filter_map(row).collect() }
    }

    /// The largest rate that is drawn.
    fn most(&self) -> f64 {
        let rates = self.rows.iter().filter_map(|(_, rate)| rate.as_ref());
        rates.map(|rate| rate.spread.map_or(rate.tflops, |[_, high]| rate.tflops.max(high))).fold(0.0, f64::max)
    }
}

/// The plot as SVG.
pub fn draw(figure: &Figure<'_>) -> Result<String, BenchError> {
    let panels: Vec<Panel<'_>> = figure.plain.iter().map(|shape| Panel::new(figure, shape)).collect();
    let columns = match panels.len() {
        1 => 1,
        2..=12 => 2,
        _ => 3,
    };
    let names = figure.subjects.iter().map(|subject| width(subject, LETTERS)).max().unwrap_or(0) + 8;
    let labels = panels.iter().flat_map(|panel| &panel.rows).filter_map(|(_, rate)| rate.as_ref());
    let labels = labels.map(|rate| width(&rate.label, LETTERS)).max().unwrap_or(0) + 8;
    let panel_width = names + LONGEST + labels;

    let title = format!("Attention in {}: rate by shape", figure.dtype);
    let share = figure.peak.map(|peak| {
        let peak = significant(peak);
        format!("; %: of {peak} TFLOP/s, the peak of fused multiply-adds in f32 measured here")
    });
    let note = format!(
        "median GPU time, scores with standard deviation {}; lines: 10 % to 90 %{}",
        figure.deviation,
        share.unwrap_or_default()
    );
    let heading_width = [(&title[..], 17), (figure.device, 12), (&note, 12)].map(|(text, height)| width(text, height));
    let wide = (columns * panel_width + (columns - 1) * GUTTER).max(heading_width.into_iter().max().unwrap_or(0));
    let lines: Vec<&[Panel<'_>]> = panels.chunks(columns as usize).collect();
    let line_height =
        |line: &[Panel<'_>]| TITLE + AXIS + ROW * line.iter().map(|panel| panel.rows.len()).max().unwrap_or(0) as i32;
    let high = HEADING + lines.iter().map(|line| line_height(line)).sum::<i32>();

    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, ((wide + 2 * MARGIN) as u32, high as u32)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        heading(&area, &title, [figure.device, &note])?;
        let mut top = HEADING;
        for line in lines {
            for (column, panel) in line.iter().enumerate() {
                let left = MARGIN + column as i32 * (panel_width + GUTTER);
                draw_panel(&area, figure, panel, (left, top), names)?;
            }
            top += line_height(line);
        }
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn draw_panel(
    area: &Area<'_>,
    figure: &Figure<'_>,
    panel: &Panel<'_>,
    (left, top): Point,
    names: i32,
) -> Result<(), BenchError> {
    let text = |text: &str, height, colour, anchor, at| {
        area.draw_text(text, &letters(height, colour, anchor), at).map_err(failed)
    };
    let line = |from: Point, to: Point, colour: RGBColor| {
        area.draw(&PathElement::new([from, to], colour.stroke_width(1))).map_err(failed)
    };
    text(&panel.shape.name, 14, INK, HPos::Left, (left, top + 10))?;
    text(&panel.shape.sizes(), 11, PALE, HPos::Left, (left, top + 27))?;

    let zero = left + names;
    let (rows_top, rows_bottom) = (top + TITLE, top + TITLE + ROW * panel.rows.len() as i32);
    let (step, ticks) = scale(panel.most());
    let at = |tflops: f64| zero + (tflops / (step * f64::from(ticks)) * f64::from(LONGEST)).round() as i32;
    for tick in 0..=ticks {
        let x = at(step * f64::from(tick));
        line((x, rows_top), (x, rows_bottom + 4), GRID)?;
        text(&round_number(step * f64::from(tick)), 11, PALE, HPos::Center, (x, rows_bottom + 13))?;
    }
    let last = round_number(step * f64::from(ticks));
    text("TFLOP/s", 11, PALE, HPos::Left, (at(step * f64::from(ticks)) + width(&last, 11) / 2 + 8, rows_bottom + 13))?;

    for (row, (index, rate)) in panel.rows.iter().enumerate() {
        let middle = rows_top + ROW * row as i32 + ROW / 2;
        text(figure.subjects[*index], LETTERS, INK, HPos::Right, (zero - 8, middle))?;
        let Some(rate) = rate else {
            text("refused", LETTERS, PALE, HPos::Left, (zero + 8, middle))?;
            continue;
        };
        let bar = [(zero, middle - BAR / 2), (at(rate.tflops).max(zero + 1), middle + BAR / 2)];
        area.draw(&Rectangle::new(bar, colour(*index).filled())).map_err(failed)?;
        let mut end = at(rate.tflops);
        if let Some([low, high]) = rate.spread.map(|spread| spread.map(at)) {
            line((low, middle), (high, middle), INK)?;
            for x in [low, high] {
                line((x, middle - 3), (x, middle + 3), INK)?;
            }
            end = end.max(high);
        }
        text(&rate.label, LETTERS, INK, HPos::Left, (end + 8, middle))?;
    }
    line((zero, rows_top), (zero, rows_bottom), PALE)
}

/// Whole, or with one decimal where it is small.
fn percent(share: f64) -> String {
    if share < 9.95 { format!("{share:.1}") } else { format!("{share:.0}") }
}

/// A round step, and how many of them reach `most`: from two to five.
fn scale(most: f64) -> (f64, u32) {
    let most = if most > 0.0 && most.is_finite() { most } else { 1.0 };
    let unit = 10_f64.powf((most / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|round| round * unit).into_iter().find(|step| step * 5.0 >= most);
    let step = step.unwrap_or(most);
    (step, (most / step).ceil().max(1.0) as u32)
}
