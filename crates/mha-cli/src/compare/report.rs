//! What was measured, as a table, a verdict and JSON.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use super::inputs::Input;
use super::measure::{Numbers, Ran, Row, Way, name};
use super::statistics::{Difference, Spread, Unlike};

/// Everything that is told of a comparison. In JSON what is infinite is null.
#[derive(Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    setting: Setting,
    inputs: Vec<InputRow>,
    /// The model's MultiHeadAttention nodes.
    nodes: usize,
    not_run: NotRun,
    /// Largest relative difference at which outputs agree.
    tolerance: f64,
    /// None where no path gave outputs.
    agree: Option<bool>,
    verdict: String,
    rows: Vec<ReportRow>,
}

/// Those of the model's nodes that did not run on these inputs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct NotRun {
    at_least: usize,
    at_most: usize,
}

impl NotRun {
    /// A profile does not always tell nodes apart, nor a node that ran twice from two.
    fn of(nodes: usize, ran: Ran) -> NotRun {
        NotRun { at_least: nodes.saturating_sub(ran.times), at_most: nodes.saturating_sub(ran.names) }
    }
}

impl fmt::Display for NotRun {
    /// Nothing where all may have run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotRun { at_least: 0, .. } => Ok(()),
            NotRun { at_least, at_most } if at_least == at_most => {
                write!(f, ", {at_least} of which did not run on these inputs")
            }
            NotRun { at_least, at_most } => {
                write!(f, ", {at_least} to {at_most} of which did not run on these inputs")
            }
        }
    }
}

/// What the numbers were measured with.
#[derive(Serialize)]
pub(super) struct Setting {
    pub(super) model: String,
    pub(super) onnxruntime: String,
    pub(super) adapter: String,
    pub(super) threads: Option<usize>,
    pub(super) runs: usize,
    pub(super) warm_up: usize,
    pub(super) seed: u64,
}

/// An input, without its values.
#[derive(Serialize)]
pub(super) struct InputRow {
    name: String,
    #[serde(rename = "type")]
    element: &'static str,
    shape: Vec<usize>,
    /// None where values are random.
    file: Option<String>,
}

impl InputRow {
    pub(super) fn of(input: &Input) -> InputRow {
        InputRow {
            name: input.name.clone(),
            element: input.tensor.data.element().name(),
            shape: input.tensor.shape.clone(),
            file: input.file.as_ref().map(|file| file.display().to_string()),
        }
    }
}

#[derive(Serialize)]
struct ReportRow {
    name: &'static str,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Refused {
        refused: String,
    },
    Measured {
        taken_over: usize,
        model_ms: Spread,
        attention_ms: Spread,
        nodes: Vec<NodeRow>,
        differences: Vec<Difference>,
        warnings: Vec<String>,
    },
}

#[derive(Serialize)]
struct NodeRow {
    name: String,
    ms: Spread,
}

/// float32 sums in another order, through as many layers as a model may have.
const TOLERANCE: f64 = 1e-3;
/// Where nodes work on float16, which stock CPU kernels compute in float32.
const TOLERANCE_F16: f64 = 1e-2;

impl Report {
    /// Reduces what was measured. `ran` is what a run on stock CPU kernels told. Where `tolerance` is none it depends on the type
    /// that nodes work on.
    pub(super) fn new(
        setting: Setting,
        inputs: Vec<InputRow>,
        ran: Ran,
        rows: Vec<Row>,
        tolerance: Option<f64>,
    ) -> Report {
        let measured: Vec<(Way, &Numbers)> =
            rows.iter().filter_map(|row| Some((row.way, row.outcome.as_ref().ok()?))).collect();
        let float16 = measured.iter().any(|(_, numbers)| numbers.float16);
        let tolerance = tolerance.unwrap_or(if float16 { TOLERANCE_F16 } else { TOLERANCE });
        let paths = measured.iter().filter(|(way, _)| way.is_some());
        let compared: usize = paths.clone().flat_map(|(_, numbers)| &numbers.differences).map(|of| of.compared).sum();
        let all = paths.filter_map(|(way, numbers)| Some((name(*way), largest(&numbers.differences)?)));
        let worst = all.max_by(|(_, a), (_, b)| a.relative.total_cmp(&b.relative));
        // Outputs that are empty, or nothing but infinities and NaN in the same places, say nothing.
        let says_something = |(_, worst): &(_, &Difference)| compared > 0 || worst.unlike.is_some();
        let agree = worst.filter(says_something).map(|(_, worst)| worst.relative <= tolerance);
        let times: Vec<(&str, Spread)> = measured.iter().map(|(way, numbers)| (name(*way), numbers.model)).collect();
        let once = if setting.runs == 1 { " in one run of each" } else { "" };
        let agreement = match (worst, agree) {
            (Some(_), None) => "no output has a finite number to compare".to_owned(),
            _ => agreement(worst, tolerance),
        };
        let verdict = match ran.empty {
            true => format!("attention had nothing to compute, as its tensors are empty; {agreement}"),
            false => format!("{}{once}; {agreement}", fastest(&times)),
        };
        // A path takes over all there are or refuses the model, while a profile has only those that ran.
        let nodes = measured.iter().map(|(_, numbers)| numbers.taken_over).max().unwrap_or_default();
        Report {
            setting,
            inputs,
            nodes,
            not_run: NotRun::of(nodes, ran),
            tolerance,
            agree,
            verdict,
            rows: rows.into_iter().map(ReportRow::from).collect(),
        }
    }

    /// Writes the tables and the verdict.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Setting { model, onnxruntime, adapter, runs, warm_up, .. } = &self.setting;
        writeln!(out, "adapter   {adapter}")?;
        writeln!(out, "runtime   ONNX Runtime {onnxruntime}")?;
        writeln!(out, "model     {model}, MultiHeadAttention nodes: {}{}", self.nodes, self.not_run)?;
        for input in &self.inputs {
            let source = input.file.as_ref().map_or_else(|| "random".to_owned(), |file| format!("from {file}"));
            writeln!(out, "input     {} {} {:?}, {source}", input.name, input.element, input.shape)?;
        }
        writeln!(
            out,
            "runs      {runs} of each in turn, after {warm_up} to warm up; for attention again, with a profile"
        )?;
        writeln!(out, "times     medians in milliseconds (10 % to 90 %)\n")?;
        self.write_ways(out)?;
        self.write_nodes(out)?;
        writeln!(out, "\n{}", self.verdict)
    }

    fn write_ways(&self, out: &mut impl Write) -> io::Result<()> {
        let heads = ["path", "nodes taken over", "model", "attention", "largest difference", "of scale"];
        let mut table = vec![heads.map(str::to_owned).to_vec()];
        let mut notes = Vec::new();
        for row in &self.rows {
            match &row.outcome {
                Outcome::Refused { refused } => notes.push(format!("{} refused: {refused}", row.name)),
                Outcome::Measured { taken_over, model_ms, attention_ms, differences, warnings, .. } => {
                    let is_stock = row.name == name(None);
                    let worst = largest(differences).filter(|_| !is_stock);
                    let unlike = worst.and_then(|worst| worst.unlike).map(Unlike::short);
                    let shown = |value: Option<f64>| match (value, unlike) {
                        (Some(_), Some(unlike)) => unlike.to_owned(),
                        (Some(value), None) => format!("{value:.1e}"),
                        (None, _) => "-".to_owned(),
                    };
                    table.push(vec![
                        row.name.to_owned(),
                        format!("{taken_over} of {}", self.nodes),
                        with_spread(model_ms),
                        with_spread(attention_ms),
                        shown(worst.map(|worst| worst.absolute)),
                        shown(worst.map(|worst| worst.relative)),
                    ]);
                    notes.extend(warnings.iter().map(|warning| format!("{} warned: {warning}", row.name)));
                }
            }
        }
        write_table(&table, 0, out)?;
        notes.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    fn write_nodes(&self, out: &mut impl Write) -> io::Result<()> {
        let measured: Vec<(&str, &Vec<NodeRow>)> = self
            .rows
            .iter()
            .filter_map(|row| match &row.outcome {
                Outcome::Measured { nodes, .. } => Some((row.name, nodes)),
                Outcome::Refused { .. } => None,
            })
            .collect();
        let mut heads: Vec<String> = measured.iter().map(|(name, _)| (*name).to_owned()).collect();
        heads.push("node".to_owned());
        let mut table = vec![heads];
        // Nodes of one name are told apart by their place.
        let names = measured.first().map(|(_, nodes)| nodes.as_slice()).unwrap_or_default();
        for (index, node) in names.iter().enumerate() {
            let time = |(_, nodes): &(&str, &Vec<NodeRow>)| match nodes.get(index).filter(|row| row.name == node.name) {
                Some(row) => with_spread(&row.ms),
                None => "-".to_owned(),
            };
            table.push(measured.iter().map(time).chain([node.name.clone()]).collect());
        }
        writeln!(out)?;
        // Names last, as they may be long.
        write_table(&table, measured.len(), out)
    }
}

impl From<Row> for ReportRow {
    fn from(row: Row) -> Self {
        let outcome = match row.outcome {
            Err(refused) => Outcome::Refused { refused },
            Ok(numbers) => Outcome::Measured {
                taken_over: numbers.taken_over,
                model_ms: numbers.model,
                attention_ms: numbers.attention,
                nodes: numbers.nodes.into_iter().map(|(name, ms)| NodeRow { name, ms }).collect(),
                differences: numbers.differences,
                warnings: numbers.warnings,
            },
        };
        ReportRow { name: name(row.way), outcome }
    }
}

/// Why no path ran, where none did.
pub(super) fn all_refused(rows: &[Row]) -> Option<String> {
    let paths = rows.iter().filter(|row| row.way.is_some());
    let refused = |row: &Row| Some(format!("{}: {}", name(row.way), row.outcome.as_ref().err()?));
    let refusals: Option<Vec<String>> = paths.map(refused).collect();
    refusals.map(|refusals| refusals.join("; "))
}

/// The output that is furthest off, by its own scale.
fn largest(differences: &[Difference]) -> Option<&Difference> {
    differences.iter().max_by(|a, b| a.relative.total_cmp(&b.relative))
}

/// Who is fastest, and by what factor. The first of `times` is stock CPU.
fn fastest(times: &[(&str, Spread)]) -> String {
    let mut order = times.to_vec();
    order.sort_by(|a, b| a.1.median.total_cmp(&b.1.median));
    let (Some(&stock), [first, second, ..]) = (times.first(), order.as_slice()) else {
        return "there is nothing to compare with".to_owned();
    };
    let stock_first = first.0 == stock.0;
    let other = if stock_first { second } else { &stock };
    let factor = other.1.median / first.1.median;
    if first.1.overlaps(&other.1) {
        let names = (first.0, other.0);
        return format!("{} and {} are within each other's spread: {factor:.2} times by median", names.0, names.1);
    }
    let next = if stock_first { ", the next" } else { "" };
    let near = order.iter().skip(1).filter(|(_, time)| !stock_first && time.overlaps(&first.1)).map(|(name, _)| *name);
    let near = match near.collect::<Vec<_>>().join(" and ") {
        names if names.is_empty() => names,
        names => format!(" ({names} within its spread)"),
    };
    format!("{} is fastest{near}: {factor:.2} times as fast as {}{next}", first.0, other.0)
}

/// Whether outputs agree, by the one that is furthest off and whose it is.
fn agreement(worst: Option<(&str, &Difference)>, tolerance: f64) -> String {
    let Some((way, worst)) = worst else { return "there are no outputs to compare".to_owned() };
    let Difference { output, absolute, relative, unlike, .. } = worst;
    match unlike {
        _ if *relative <= tolerance => {
            format!("outputs agree ({relative:.1e} of their scale at most, {tolerance:e} is allowed)")
        }
        Some(unlike) => format!("outputs DIFFER: '{output}' of {way} {}", unlike.sentence()),
        None if relative.is_infinite() => {
            format!("outputs DIFFER: '{output}' of {way} by {absolute:.1e}, where stock CPU's is zero")
        }
        None => format!("outputs DIFFER: '{output}' of {way} by {relative:.1e} of its scale, {tolerance:e} is allowed"),
    }
}

fn with_spread(Spread { median, low, high }: &Spread) -> String {
    let places = if *median < 10.0 { 2 } else { 1 };
    format!("{median:.places$} ({low:.places$}-{high:.places$})")
}

/// Columns as wide as they need: column `text` begins at the left, the others end at the right.
fn write_table(table: &[Vec<String>], text: usize, out: &mut impl Write) -> io::Result<()> {
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..table.first().map_or(0, Vec::len)).map(width).collect();
    for row in table {
        let cell = |(column, cell): (usize, &String)| match (column == text, widths[column]) {
            (true, width) => format!("{cell:<width$}"),
            (false, width) => format!("{cell:>width$}"),
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mha_spec::PathChoice;

    use super::*;

    fn about(median: f64) -> Spread {
        Spread { median, low: median * 0.9, high: median * 1.1 }
    }

    fn numbers(median: f64, relative: f64) -> Numbers {
        Numbers {
            taken_over: 1,
            float16: false,
            model: about(median),
            attention: about(median / 2.0),
            nodes: vec![("n".into(), about(median / 2.0))],
            differences: vec![Difference {
                output: "y".into(),
                absolute: relative * 2.0,
                relative,
                unlike: None,
                compared: 1,
            }],
            warnings: Vec::new(),
        }
    }

    /// One node that ran once.
    const ONE: Ran = Ran { names: 1, times: 1, empty: false };

    fn report(rows: Vec<Row>) -> Report {
        let setting = Setting {
            model: "m.onnx".into(),
            onnxruntime: "1.24.0".into(),
            adapter: "a GPU".into(),
            threads: None,
            runs: 3,
            warm_up: 1,
            seed: 1,
        };
        Report::new(setting, Vec::new(), ONE, rows, None)
    }

    #[test]
    fn the_fastest_is_named_with_its_factor() {
        let cases: [(&[(&str, f64)], &str); 5] = [
            (&[("stock CPU", 90.0), ("baseline", 45.0)], "baseline is fastest: 2.00 times as fast as stock CPU"),
            (
                &[("stock CPU", 90.0), ("baseline", 46.0), ("apple", 45.0), ("auto", 60.0)],
                "apple is fastest (baseline within its spread): 2.00 times as fast as stock CPU",
            ),
            (
                &[("stock CPU", 10.0), ("baseline", 45.0), ("apple", 30.0)],
                "stock CPU is fastest: 3.00 times as fast as apple, the next",
            ),
            (
                &[("stock CPU", 10.0), ("baseline", 9.0)],
                "baseline and stock CPU are within each other's spread: 1.11 times by median",
            ),
            (&[("stock CPU", 10.0)], "there is nothing to compare with"),
        ];
        for (medians, verdict) in cases {
            let times: Vec<(&str, Spread)> = medians.iter().map(|&(name, median)| (name, about(median))).collect();
            assert_eq!(fastest(&times), verdict);
        }
    }

    #[test]
    fn outputs_agree_within_the_tolerance() {
        let stock = || Row { way: None, outcome: Ok(numbers(10.0, 0.0)) };
        let with = |relative, float16| {
            let numbers = Numbers { float16, ..numbers(30.0, relative) };
            report(vec![stock(), Row { way: Some(PathChoice::Apple), outcome: Ok(numbers) }])
        };
        assert_eq!(with(1e-3, false).agree, Some(true));
        assert_eq!([false, true].map(|float16| with(2e-3, float16).agree), [Some(false), Some(true)]);
        let off = with(2e-2, true);
        let verdict = "; outputs DIFFER: 'y' of apple by 2.0e-2 of its scale, 1e-2 is allowed";
        assert!(off.agree == Some(false) && off.verdict.ends_with(verdict), "{}", off.verdict);
    }

    #[test]
    fn outputs_without_a_number_agree_on_nothing() {
        let none = Difference { output: "y".into(), absolute: 0.0, relative: 0.0, unlike: None, compared: 0 };
        let of = |differences| Row {
            way: Some(PathChoice::Apple),
            outcome: Ok(Numbers { differences, ..numbers(30.0, 0.0) }),
        };
        let stock = || Row { way: None, outcome: Ok(numbers(10.0, 0.0)) };
        let empty = report(vec![stock(), of(vec![none.clone()])]);
        assert!(empty.agree.is_none() && empty.verdict.ends_with("; no output has a finite number to compare"));
        let some = Difference { compared: 1, ..none.clone() };
        assert_eq!(report(vec![stock(), of(vec![none, some])]).agree, Some(true));
    }

    #[test]
    fn one_run_is_called_one() {
        let setting = |runs| Setting { runs, ..report(Vec::new()).setting };
        let rows = || [None, Some(PathChoice::Apple)].map(|way| Row { way, outcome: Ok(numbers(10.0, 0.0)) }).into();
        let verdict = |runs| Report::new(setting(runs), Vec::new(), ONE, rows(), None).verdict;
        assert!(verdict(1).contains(" in one run of each; ") && !verdict(2).contains("one run"), "{}", verdict(1));
    }

    #[test]
    fn nodes_that_did_not_run_are_as_many_as_is_sure() {
        let cases = [
            (1, 1, 1, ""),
            (1, 1, 3, ""),
            (2, 1, 1, ", 1 of which did not run on these inputs"),
            (4, 1, 2, ", 2 to 3 of which did not run on these inputs"),
            (2, 1, 2, ""),
            (1, 2, 2, ""),
        ];
        for (nodes, names, times, said) in cases {
            let not_run = NotRun::of(nodes, Ran { names, times, ..ONE });
            assert_eq!(not_run.to_string(), said, "{nodes} {names} {times}");
        }
    }

    #[test]
    fn without_work_there_is_no_word_of_speed() {
        let setting = report(Vec::new()).setting;
        let rows = [None, Some(PathChoice::Auto)].map(|way| Row { way, outcome: Ok(numbers(10.0, 0.0)) });
        let verdict = Report::new(setting, Vec::new(), Ran { empty: true, ..ONE }, rows.into(), None).verdict;
        let expected = "attention had nothing to compute, as its tensors are empty; outputs agree";
        assert!(verdict.starts_with(expected), "{verdict}");
    }

    #[test]
    fn what_no_number_says_is_said_in_words() {
        let infinite = |absolute, unlike| Difference {
            output: "y".into(),
            absolute,
            relative: f64::INFINITY,
            unlike,
            compared: 1,
        };
        let cases = [
            (infinite(2.0, None), "'y' of auto by 2.0e0, where stock CPU's is zero", "2.0e0"),
            (infinite(f64::INFINITY, Some(Unlike::Nan)), "'y' of auto is NaN where stock CPU gives a number", "NaN"),
            (
                infinite(f64::INFINITY, Some(Unlike::NotNan)),
                "'y' of auto is a number where stock CPU gives NaN",
                "no NaN",
            ),
            (
                infinite(f64::INFINITY, Some(Unlike::Infinity)),
                "'y' of auto and stock CPU's are not infinite in the same places",
                "infinity",
            ),
            (
                infinite(f64::INFINITY, Some(Unlike::Shape)),
                "'y' of auto has another shape or type than stock CPU's",
                "shape",
            ),
        ];
        for (difference, verdict, cell) in cases {
            let off = Numbers { differences: vec![difference], ..numbers(30.0, 0.0) };
            let rows = [
                (None, numbers(10.0, 0.0)),
                (Some(PathChoice::Baseline), numbers(20.0, 1e-9)),
                (Some(PathChoice::Auto), off),
            ];
            let report = report(rows.map(|(way, numbers)| Row { way, outcome: Ok(numbers) }).into());
            assert!(
                report.agree == Some(false) && report.verdict.ends_with(&format!("; outputs DIFFER: {verdict}")),
                "{}",
                report.verdict
            );
            let mut text = Vec::new();
            report.write(&mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            let row = text.lines().find(|line| line.trim_start().starts_with("auto")).unwrap();
            assert!(row.contains(&format!("  {cell}")), "{text}");
        }
    }

    #[test]
    fn without_outputs_of_a_path_nothing_agrees() {
        let stock = || Row { way: None, outcome: Ok(numbers(10.0, 0.0)) };
        let empty = Numbers { differences: Vec::new(), ..numbers(20.0, 0.0) };
        for outcome in [Err("no f16 in shaders".to_owned()), Ok(empty)] {
            let rows = vec![stock(), Row { way: Some(PathChoice::Apple), outcome }];
            let why = rows[1].outcome.as_ref().err().map(|_| "apple: no f16 in shaders".to_owned());
            assert_eq!(all_refused(&rows), why);
            let report = report(rows);
            assert!(report.verdict.ends_with("; there are no outputs to compare"), "{}", report.verdict);
            assert_eq!(serde_json::to_value(&report).unwrap()["agree"], serde_json::Value::Null);
        }
    }

    #[test]
    fn a_refusal_has_a_line_and_no_numbers() {
        let rows = vec![
            Row { way: None, outcome: Ok(numbers(10.0, 0.0)) },
            Row { way: Some(PathChoice::Baseline), outcome: Ok(numbers(300.0, 1e-6)) },
            Row { way: Some(PathChoice::Auto), outcome: Err("no f16 in shaders".into()) },
        ];
        let report = report(rows);
        let mut text = Vec::new();
        report.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("\nauto refused: no f16 in shaders\n"), "{text}");
        assert!(text.contains("\nstock CPU            1 of 1      10.0 (9.0-11.0)"), "{text}");
        assert!(text.ends_with("the next; outputs agree (1.0e-6 of their scale at most, 1e-3 is allowed)\n"), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["rows"][2], serde_json::json!({"name": "auto", "refused": "no f16 in shaders"}));
        assert_eq!(json["rows"][1]["nodes"][0]["ms"]["median"], 150.0);
        assert_eq!(json["agree"], true);
    }
}
