//! Time against sequence length, both as logarithms: a line for every subject.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::data::{Cell, Figure};
use super::style::{
    Area, GRID, HEADING, INK, MARGIN, PALE, Point, colour, failed, heading, letters, round_number, width,
};
use crate::error::BenchError;
use crate::shape::Shape;

/// Pixels of the axes, with their numbers.
const CHART: Point = (720, 500);
/// Pixels of a line of the legend, and of the sample in it.
const ROW: i32 = 22;
const SAMPLE: i32 = 34;
const LETTERS: u32 = 12;

/// A subject's index and its milliseconds by length.
struct Line {
    index: usize,
    points: Vec<(f64, f64)>,
}

/// The plot as SVG.
pub fn draw(figure: &Figure<'_>) -> Result<String, BenchError> {
    let line = |(index, subject): (usize, &&str)| {
        let point = |shape: &&Shape| match figure.cell(shape, subject)? {
            Cell::Measured { gpu_ms, .. } => Some((f64::from(shape.q_len), gpu_ms)),
            Cell::Refused => None,
        };
        let points: Vec<_> = figure.swept.iter().filter_map(point).collect();
        (!points.is_empty()).then_some(Line { index, points })
    };
    let lines: Vec<Line> = figure.subjects.iter().enumerate().filter_map(line).collect();
    let title = format!("Attention in {}: time by sequence length", figure.dtype);
    let sizes = figure.swept.first().map_or(String::new(), |shape| {
        let causal = if shape.causal { ", causal" } else { "" };
        format!("batch {}, {} heads of {}{causal}", shape.batch, shape.heads, shape.head_size)
    });
    let note = format!("{sizes}; median GPU time, scores with standard deviation {}", figure.deviation);
    let names = lines.iter().map(|line| width(figure.subjects[line.index], LETTERS)).max().unwrap_or(0);
    let headings = [(&title[..], 17), (figure.device, 12), (&note, 12)].map(|(text, height)| width(text, height));
    let wide = (CHART.0 + 16 + SAMPLE + 8 + names).max(headings.into_iter().max().unwrap_or(0)) + 2 * MARGIN;
    let high = HEADING + CHART.1.max(ROW * lines.len() as i32 + 2 * MARGIN);

    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (wide as u32, high as u32)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        heading(&area, &title, [figure.device, &note])?;
        let (_, below) = area.split_vertically(HEADING);
        let (chart, legend) = below.split_horizontally(MARGIN + CHART.0);
        draw_chart(&chart, &lines)?;
        for (row, line) in lines.iter().enumerate() {
            let y = 16 + ROW * row as i32;
            let sample = [(16, y), (16 + SAMPLE, y)];
            legend.draw(&PathElement::new(sample, colour(line.index).stroke_width(2))).map_err(failed)?;
            let corners: Vec<Point> = mark(line.index).iter().map(|(x, dy)| (16 + SAMPLE / 2 + x, y + dy)).collect();
            legend.draw(&Polygon::new(corners, colour(line.index))).map_err(failed)?;
            let at = (16 + SAMPLE + 8, y);
            legend.draw_text(figure.subjects[line.index], &letters(LETTERS, INK, HPos::Left), at).map_err(failed)?;
        }
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn draw_chart(area: &Area<'_>, lines: &[Line]) -> Result<(), BenchError> {
    let all = |value: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        let mut values: Vec<f64> = lines.iter().flat_map(|line| &line.points).map(value).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (lengths, times) = (all(|point| point.0), all(|point| point.1));
    let [low, high] = [times[0] / 1.3, times[times.len() - 1] * 1.3];
    let mut chart = ChartBuilder::on(area)
        .margin_left(MARGIN)
        .margin_bottom(MARGIN / 2)
        .set_label_area_size(LabelAreaPosition::Left, 78)
        .set_label_area_size(LabelAreaPosition::Bottom, 60)
        .build_cartesian_2d(
            (lengths[0] / 1.15..lengths[lengths.len() - 1] * 1.15).log_scale().with_key_points(apart(&lengths)),
            (low..high).log_scale().with_key_points(round(low, high)),
        )
        .map_err(failed)?;
    chart
        .configure_mesh()
        .axis_style(PALE)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style(letters(LETTERS, INK, HPos::Center))
        .axis_desc_style(letters(13, INK, HPos::Center))
        .x_desc("sequence length")
        .y_desc("GPU time, ms")
        .x_label_formatter(&|length| format!("{length:.0}"))
        .y_label_formatter(&|ms| round_number(*ms))
        .draw()
        .map_err(failed)?;
    for line in lines {
        let style = colour(line.index);
        chart.draw_series(LineSeries::new(line.points.iter().copied(), style.stroke_width(2))).map_err(failed)?;
        let marks = line.points.iter().map(|point| EmptyElement::at(*point) + Polygon::new(mark(line.index), style));
        chart.draw_series(marks).map_err(failed)?;
    }
    Ok(())
}

/// Those of some sorted lengths whose numbers have room beside each other.
fn apart(lengths: &[f64]) -> Vec<f64> {
    let room = (lengths[lengths.len() - 1] / lengths[0]).powf(1.0 / 14.0);
    let mut kept: Vec<f64> = Vec::new();
    for &length in lengths {
        if kept.last().is_none_or(|last| length / last >= room.max(1.0 + f64::EPSILON)) {
            kept.push(length);
        }
    }
    kept
}

/// Round numbers between two times: 1, 2 and 5 of every decade, or 1 alone where there are many.
fn round(low: f64, high: f64) -> Vec<f64> {
    let digits: &[f64] = if high / low > 1e4 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let decades = low.log10().floor() as i32..=high.log10().floor() as i32;
    let numbers = decades.flat_map(|decade| digits.iter().map(move |digit| digit * 10_f64.powi(decade)));
    numbers.filter(|number| (low..=high).contains(number)).collect()
}

/// The corners of a subject's mark around its middle, in pixels. With its colour it is a subject's own up to the fiftieth.
fn mark(index: usize) -> Vec<Point> {
    match (index + index / 10) % 5 {
        0 => vec![(-4, -4), (4, -4), (4, 4), (-4, 4)],
        1 => vec![(0, -6), (6, 5), (-6, 5)],
        2 => vec![(0, -6), (6, 0), (0, 6), (-6, 0)],
        3 => vec![(0, 6), (6, -5), (-6, -5)],
        _ => vec![(-2, -5), (2, -5), (5, -2), (5, 2), (2, 5), (-2, 5), (-5, 2), (-5, -2)],
    }
}
