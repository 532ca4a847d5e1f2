//! `webgpu-attention tune`: measures the candidates for named shapes and keeps the fastest for path `auto`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mha_auto::{Auto, Effort, Measured, Store, Undecided, measure};
use mha_bench::{BenchError, Progress, select};
use mha_gpu::{GpuSettings, platform_cache_directory};
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

/// Measures, and reports each choice as it is made.
///
/// # Errors
/// One line that says what to type instead, what failed on the device, or why nothing can be kept. What was kept before is said.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), BenchError> {
    let shapes = select::shapes(&arguments.shapes)?;
    let dtypes = select::dtypes(&arguments.dtypes)?;
    let cache = arguments.cache.clone().or_else(platform_cache_directory);
    let cache = cache_directory(cache).map_err(BenchError::Usage)?;
    let settings = GpuSettings { pipeline_cache: Some(cache.clone()), ..GpuSettings::default() };
    let gpu = select::open(&arguments.adapter, &settings)?;
    let auto = Auto::of(&gpu, Some(&cache));
    // Better now than after minutes of measuring.
    auto.check_store().map_err(|why| BenchError::Usage(format!("{why}; {OTHER_CACHE}")))?;

    let mut problems: Vec<(String, AttentionProblem)> = Vec::new();
    for shape in &shapes {
        let of_type = |&dtype: &DType| (format!("{} {}", shape.name, dtype.name()), shape.problem(dtype));
        problems.extend(dtypes.iter().map(of_type));
    }
    let effort = Effort { budget: Duration::from_secs_f64(arguments.seconds), ..Effort::ALONE };
    writeln!(out, "{}\n{HEAD}", gpu.describe())?;
    let progress = Progress::new(problems.len() as u64);
    let mut tally = Tally::default();
    let done = problems.iter().try_for_each(|(name, problem)| {
        progress.step(name);
        let outcome = decide(&auto, problem, &effort)?;
        tally.add(&outcome);
        Ok(progress.writeln(out, &row(name, &outcome))?)
    });
    progress.finish();
    let told = tally.write(auto.store().map(Store::file), out);
    done.and(told.map_err(BenchError::Output))?;
    if tally.decided == 0 {
        let line = "a choice is made where candidates were measured, got none: the table says why";
        return Err(BenchError::Usage(line.to_owned()));
    }
    Ok(())
}

/// What became of a shape in a type.
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

impl Outcome {
    /// Whether another candidate was chosen than before.
    fn is_new(&self) -> bool {
        matches!(self, Outcome::Measured { before, measured } if *previous(before.as_ref(), measured) != measured.known.candidate)
    }
}

/// What an earlier measurement had chosen, else what the tables choose.
fn previous<'a>(before: Option<&'a Candidate>, measured: &'a Measured) -> &'a Candidate {
    before.unwrap_or(&measured.candidates.all[measured.candidates.usual])
}

/// Measures the candidates for a problem and keeps the fastest.
///
/// # Errors
/// The device is lost, or the choice can't be kept.
fn decide(auto: &Auto, problem: &AttentionProblem, effort: &Effort) -> Result<Outcome, BenchError> {
    let options = PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() };
    if let Err(refusal) = plan(problem, auto.gpu().caps(), &options) {
        return Ok(Outcome::Refused(refusal.to_string()));
    }
    let before = auto.known(problem).map(|known| known.candidate);
    match measure(auto.gpu(), problem, effort, || true) {
        Err(Undecided::Failed(error)) if auto.gpu().is_lost() => Err(error.into()),
        Err(why) => Ok(Outcome::Undecided(why.to_string())),
        Ok(measured) => {
            auto.learn(problem, measured.known.clone())?;
            Ok(Outcome::Measured { before, measured: Box::new(measured) })
        }
    }
}

const HEAD: &str = "| shape | baseline | before | now | path auto takes |\n|---|---|---|---|---|";

fn row(name: &str, outcome: &Outcome) -> String {
    let (before, measured) = match outcome {
        Outcome::Refused(why) => return format!("| {name} | refused: {why} | | | |"),
        Outcome::Undecided(why) => return format!("| {name} | | | | as before: {why} |"),
        Outcome::Measured { before, measured } => (previous(before.as_ref(), measured), measured),
    };
    let Measured { candidates, times, known, .. } = &**measured;
    let text = |position: Option<usize>| {
        position.and_then(|position| times[position]).map_or_else(|| "-".to_owned(), milliseconds)
    };
    format!(
        "| {name} | {} | {} | {} | {}{} |",
        text(Some(candidates.baseline)),
        text(candidates.all.iter().position(|candidate| candidate == before)),
        milliseconds(known.time),
        known.candidate,
        if outcome.is_new() { format!(", not {before}") } else { String::new() }
    )
}

/// How many choices were made, and how many of them are other than before.
#[derive(Default)]
struct Tally {
    decided: usize,
    changed: usize,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.decided += usize::from(matches!(outcome, Outcome::Measured { .. }));
        self.changed += usize::from(outcome.is_new());
    }

    /// Says what was kept, if anything was, and in which file.
    fn write(&self, file: Option<&Path>, out: &mut impl Write) -> std::io::Result<()> {
        let Tally { decided, changed } = self;
        match file.filter(|_| *decided > 0) {
            Some(file) => writeln!(out, "{changed} of {decided} choices changed\nkept in {}", file.display()),
            None => Ok(()),
        }
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use mha_auto::Known;
    use mha_bench::Shape;
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
        let of =
            |before, times: &[u64], winner| Outcome::Measured { before, measured: Box::new(measured(times, winner)) };
        let second = measured(&[5, 5], 1).known.candidate;
        let mut tally = Tally::default();
        for (name, outcome, start, instead_of) in [
            ("same f32", of(None, &[900, 2000], 0), "2.000 ms | 0.900 ms | 0.900 ms | fragment 32 lanes", None),
            (
                "first f32",
                of(None, &[2000, 1500], 1),
                "1.500 ms | 2.000 ms | 1.500 ms | rows 4 lanes",
                Some("fragment"),
            ),
            ("again f32", of(Some(second), &[2000, 1500], 1), "1.500 ms | 1.500 ms | 1.500 ms | rows 4 lanes", None),
            ("odd f32", Outcome::Refused("why".to_owned()), "refused: why | | | |", None),
            (
                "slow f32",
                Outcome::Undecided("the time ran out".to_owned()),
                "| | | as before: the time ran out |",
                None,
            ),
        ] {
            let line = row(name, &outcome);
            assert!(line.starts_with(&format!("| {name} | {start}")) && line.ends_with(" |"), "{line}");
            let not = line.split_once(", not ").and_then(|(_, not)| not.split(' ').next());
            assert_eq!(not, instead_of, "{line}");
            assert_eq!(line.matches('|').count(), 6, "{line}");
            tally.add(&outcome);
        }
        assert_eq!(HEAD.lines().map(|line| line.matches('|').count()).collect::<Vec<_>>(), [6, 6]);
        let told = |tally: &Tally| {
            let mut out = Vec::new();
            tally.write(Some(Path::new("choices.json")), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(told(&tally), "1 of 3 choices changed\nkept in choices.json\n");
        assert_eq!(told(&Tally::default()), "", "nothing was kept");
    }
}
