//! `webgpu-attention tune`: measures the candidates for named shapes and keeps the fastest for path `auto`.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use mha_auto::{Auto, Effort, Measured, measure};
use mha_bench::{Progress, Shape, select};
use mha_gpu::{Gpu, GpuSettings, platform_cache_directory};
use mha_plan::{Candidate, PlanOptions, plan};
use mha_spec::{AdapterChoice, AttentionProblem, DType, PathChoice};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Shapes by name, as `bench` knows them.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    shapes: Vec<String>,
    /// Storage types.
    #[arg(long, value_delimiter = ',', default_value = "f32,f16")]
    dtypes: Vec<String>,
    /// Which GPU: `auto`, an index, or part of an adapter's name.
    #[arg(long, default_value = "auto", value_parser = select::adapter)]
    adapter: AdapterChoice,
    /// The cache directory, where it is not the platform's.
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Seconds that one shape's launches may take.
    #[arg(long, default_value_t = 20.0, value_parser = seconds)]
    seconds: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(seconds),
        _ => Err(format!("--seconds is a number above 0, 86400 at most, got '{text}'")),
    }
}

const OTHER_CACHE: &str = "--cache DIR names another directory";

/// The directory that choices are kept in, or that will be made for them. Looked at before a device is opened, which would warn of it.
fn cache_directory(named: Option<PathBuf>) -> Result<PathBuf, String> {
    let cache = named.ok_or("the platform names no cache directory: name one with --cache")?;
    match cache.ancestors().find(|path| path.exists()) {
        Some(there) if !there.is_dir() => {
            let (cache, there) = (cache.display(), there.display());
            Err(format!("choices are kept in a directory, got '{cache}', where '{there}' is none; {OTHER_CACHE}"))
        }
        _ => Ok(cache),
    }
}

/// Measures and reports.
///
/// # Errors
/// One line that says what to type instead, what failed on the device, or why nothing can be kept.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let shapes = select::shapes(&arguments.shapes)?;
    let dtypes = select::dtypes(&arguments.dtypes)?;
    let cache = cache_directory(arguments.cache.clone().or_else(platform_cache_directory))?;
    let settings = GpuSettings { pipeline_cache: Some(cache.clone()), ..GpuSettings::default() };
    let gpu = Gpu::open(&arguments.adapter, &settings)?;
    let auto = Auto::of(&gpu, Some(&cache));
    // Better now than after minutes of measuring.
    auto.check_store().map_err(|why| format!("{why}; {OTHER_CACHE}"))?;

    writeln!(out, "{}", gpu.describe())?;
    let mut problems: Vec<(&Shape, DType, AttentionProblem)> = Vec::new();
    for shape in &shapes {
        problems.extend(dtypes.iter().map(|&dtype| (shape, dtype, shape.problem(dtype))));
    }
    let effort = Effort { budget: Duration::from_secs_f64(arguments.seconds), ..Effort::ALONE };
    let progress = Progress::new(problems.len() as u64);
    let mut rows = Vec::new();
    for (shape, dtype, problem) in problems {
        let name = format!("{} {}", shape.name, dtype.name());
        progress.step(&name);
        if let Err(refusal) =
            plan(&problem, gpu.caps(), &PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() })
        {
            rows.push(Row { name, outcome: Outcome::Refused(refusal.to_string()) });
            continue;
        }
        let before = auto.known(&problem).map(|known| known.candidate);
        let outcome = match measure(&gpu, &problem, &effort, || true) {
            Err(why) if gpu.is_lost() => return Err(why.into()),
            Err(why) => Outcome::Undecided(why.to_string()),
            Ok(measured) => {
                auto.learn(&problem, measured.known.clone())?;
                Outcome::Measured { before, measured: Box::new(measured) }
            }
        };
        rows.push(Row { name, outcome });
    }
    progress.finish();
    report(&rows, out)?;
    if !rows.iter().any(|row| matches!(row.outcome, Outcome::Measured { .. })) {
        return Err("a choice is made where candidates were measured, got none: the table says why".into());
    }
    if let Some(store) = auto.store() {
        writeln!(out, "kept in {}", store.file().display())?;
    }
    Ok(())
}

/// A shape in a type, and what became of it.
struct Row {
    name: String,
    outcome: Outcome,
}

enum Outcome {
    Refused(String),
    /// Why it stays as it is.
    Undecided(String),
    Measured {
        /// What an earlier measurement had chosen, if there was one.
        before: Option<Candidate>,
        measured: Box<Measured>,
    },
}

fn report(rows: &[Row], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "| shape | baseline | before | now | path auto takes |\n|---|---|---|---|---|")?;
    let (mut changed, mut decided) = (0, 0);
    for Row { name, outcome } in rows {
        match outcome {
            Outcome::Refused(why) => writeln!(out, "| {name} | refused: {why} | | | |")?,
            Outcome::Undecided(why) => writeln!(out, "| {name} | | | | as before: {why} |")?,
            Outcome::Measured { before, measured } => {
                let Measured { candidates, times, winner, known } = &**measured;
                let usual = &candidates.all[candidates.usual];
                let before = before.as_ref().unwrap_or(usual);
                let position = candidates.all.iter().position(|candidate| candidate == before);
                let is_new = position != Some(*winner);
                decided += 1;
                changed += usize::from(is_new);
                let text = |position: Option<usize>| {
                    position.and_then(|position| times[position]).map_or_else(|| "-".to_owned(), milliseconds)
                };
                writeln!(
                    out,
                    "| {name} | {} | {} | {} | {}{} |",
                    text(Some(candidates.baseline)),
                    text(position),
                    milliseconds(known.time),
                    known.candidate,
                    if is_new { format!(", not {before}") } else { String::new() }
                )?;
            }
        }
    }
    writeln!(out, "{changed} of {decided} choices changed")
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use mha_auto::Known;
    use mha_plan::{candidates, devices};

    use super::*;

    fn measured(times: &[u64], winner: usize) -> Measured {
        let problem = Shape::square("s", 4096).problem(DType::F32);
        let candidates = candidates(&problem, &devices::h100()).unwrap();
        let times: Vec<_> =
            (0..candidates.all.len()).map(|i| times.get(i).map(|&us| Duration::from_micros(us))).collect();
        let known = Known {
            candidate: candidates.all[winner].clone(),
            time: times[winner].unwrap(),
            baseline: times[candidates.baseline],
        };
        Measured { candidates, times, winner, known }
    }

    #[test]
    fn what_cannot_be_a_cache_directory_is_named_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let (new, file) = (folder.path().join("new/cache"), folder.path().join("file"));
        std::fs::write(&file, "kept").unwrap();
        // Nothing is made before a device is there.
        assert_eq!(cache_directory(Some(new.clone())), Ok(new.clone()));
        assert!(!new.exists());
        for wrong in [file.clone(), file.join("below")] {
            let (named, there) = (wrong.display(), file.display());
            let error =
                format!("choices are kept in a directory, got '{named}', where '{there}' is none; {OTHER_CACHE}");
            assert_eq!(cache_directory(Some(wrong.clone())), Err(error));
        }
        assert!(cache_directory(None).unwrap_err().ends_with("name one with --cache"));
    }

    #[test]
    fn the_report_says_what_changed() {
        let row = |name: &str, outcome| Row { name: name.to_owned(), outcome };
        let of =
            |before, times: &[u64], winner| Outcome::Measured { before, measured: Box::new(measured(times, winner)) };
        let second = measured(&[5, 5], 1).known.candidate;
        let rows = [
            row("same f32", of(None, &[900, 2000], 0)),
            row("first f32", of(None, &[2000, 1500], 1)),
            row("again f32", of(Some(second), &[2000, 1500], 1)),
            row("odd f32", Outcome::Refused("why".to_owned())),
            row("slow f32", Outcome::Undecided("the time ran out".to_owned())),
        ];
        let mut text = Vec::new();
        report(&rows, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2].starts_with("| same f32 | 2.000 ms | 0.900 ms | 0.900 ms | fragment 32 lanes"), "{text}");
        assert!(lines[3].starts_with("| first f32 | 1.500 ms | 2.000 ms | 1.500 ms | rows 4 lanes"), "{text}");
        assert!(lines[3].contains(", not fragment 32 lanes"), "{text}");
        assert!(
            lines[4].starts_with("| again f32 | 1.500 ms | 1.500 ms | 1.500 ms | rows") && !lines[4].contains("not"),
            "{text}"
        );
        assert_eq!(lines[6], "| slow f32 | | | | as before: the time ran out |");
        assert_eq!(lines[7], "1 of 3 choices changed");
    }
}
