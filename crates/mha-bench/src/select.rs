//! What the names on the command line stand for.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mha_gpu::{AdapterSummary, Gpu, GpuSettings};
use mha_plan::profile;
use mha_spec::{AdapterChoice, DType};

use crate::error::BenchError;
use crate::random;
use crate::shape::Shape;
use crate::subject::Subject;

/// How alike a name must be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.8;

/// Shapes by name, by set (`all`, `sweep`, `random[:COUNT[:SEED]]`), or of a file that ends in `.json`.
///
/// # Errors
/// [`BenchError`] for an unknown or repeated name, or a file that holds no list of shapes.
pub fn shapes(names: &[String]) -> Result<Vec<Shape>, BenchError> {
    let built_in = Shape::built_in()?;
    let listed: Vec<Shape> = built_in.iter().cloned().chain(Shape::sweep()).collect();
    let random = random::shapes(random::COUNT, random::SEED);
    let mut chosen = Vec::new();
    for name in names {
        if Path::new(name).extension().is_some_and(|extension| extension == "json") {
            chosen.extend(Shape::read(Path::new(name))?);
        } else if name == "all" {
            chosen.extend(built_in.clone());
        } else if name == "sweep" {
            chosen.extend(Shape::sweep());
        } else if let Some(arguments) =
            name.strip_prefix("random").filter(|rest| rest.is_empty() || rest.starts_with(':'))
        {
            chosen.extend(random_set(arguments)?);
        } else {
            let known = || listed.iter().chain(&random);
            chosen.push(known().find(|shape| shape.name == *name).cloned().ok_or_else(|| {
                let names: Vec<&str> = listed.iter().map(|shape| shape.name.as_str()).collect();
                let accepted = format!(
                    "{}, random-01 to random-{}, all, sweep, random, random:COUNT:SEED, or a FILE.json",
                    names.join(", "),
                    random::COUNT
                );
                let words = known().map(|shape| shape.name.as_str()).chain(["all", "sweep", "random"]);
                unknown("--shapes", &accepted, words, name)
            })?);
        }
    }
    distinct("--shapes", chosen.iter().map(|shape| shape.name.clone()))?;
    Ok(chosen)
}

/// The shapes of `random`, by what follows the word: nothing, `:COUNT` or `:COUNT:SEED`.
fn random_set(arguments: &str) -> Result<Vec<Shape>, BenchError> {
    let parts: Vec<&str> = arguments.split(':').skip(1).collect();
    let numbers = match parts[..] {
        [] => Some((random::COUNT, random::SEED)),
        [count] => count.parse().ok().map(|count| (count, random::SEED)),
        [count, seed] => count.parse().ok().zip(seed.parse().ok()),
        _ => None,
    };
    match numbers {
        Some((count @ 1..=1000, seed)) => Ok(random::shapes(count, seed)),
        _ => Err(BenchError::Usage(format!(
            "--shapes takes random, random:COUNT or random:COUNT:SEED with up to 1000 shapes, as random:20:7, got `random{arguments}`"
        ))),
    }
}

/// Paths and lanes by name or set (`paths`, `all`); each pinned lane once for every tuning row, where rows are given.
///
/// # Errors
/// [`BenchError::Usage`] for an unknown or repeated name, and for rows that don't parse or have no lane.
pub fn subjects(names: &[String], rows: Option<&str>) -> Result<Vec<Subject>, BenchError> {
    let every: Vec<Subject> = Subject::paths().into_iter().chain(Subject::lanes()).collect();
    let mut chosen = Vec::new();
    for name in names {
        match name.as_str() {
            "paths" => chosen.extend(Subject::paths()),
            "all" => chosen.extend(every.clone()),
            _ => chosen.push(every.iter().find(|subject| subject.name() == *name).cloned().ok_or_else(|| {
                let names: Vec<String> =
                    every.iter().map(Subject::name).chain(["paths".into(), "all".into()]).collect();
                unknown("--subjects", &names.join(", "), names.iter().map(String::as_str), name)
            })?),
        }
    }
    let chosen = with_rows(chosen, rows)?;
    distinct("--subjects", chosen.iter().map(Subject::name))?;
    Ok(chosen)
}

fn with_rows(subjects: Vec<Subject>, rows: Option<&str>) -> Result<Vec<Subject>, BenchError> {
    let Some(text) = rows else { return Ok(subjects) };
    let rule = "--rows takes tuning rows as `f32 | 64 | 4 | r4s4a2 | 32 | 256`, with `;` between them";
    let rows = profile::parse(&text.replace(';', "\n"))
        .map_err(|error| BenchError::Usage(format!("{rule}; row {}: {}", error.line, error.message)))?;
    if rows.is_empty() {
        return Err(BenchError::Usage(format!("{rule}, got none")));
    }
    if !subjects.iter().any(|subject| matches!(subject, Subject::Lane(..))) {
        return Err(BenchError::Usage(
            "--rows is for a pinned lane: name one too, as `--subjects lane:rows`".to_owned(),
        ));
    }
    let pinned = |subject| match subject {
        Subject::Lane(lane, _) => rows.iter().map(|row| Subject::Lane(lane, Some(row.clone()))).collect(),
        path => vec![path],
    };
    Ok(subjects.into_iter().flat_map(pinned).collect())
}

/// Storage types by name.
///
/// # Errors
/// [`BenchError::Usage`] for an unknown or repeated name.
pub fn dtypes(names: &[String]) -> Result<Vec<DType>, BenchError> {
    let known = [DType::F32, DType::F16];
    let find = |name: &String| {
        let found = known.into_iter().find(|dtype| dtype.name() == name);
        found.ok_or_else(|| unknown("--dtypes", "f32, f16", known.iter().map(|dtype| dtype.name()), name))
    };
    let chosen = names.iter().map(find).collect::<Result<_, _>>()?;
    distinct("--dtypes", names.iter().cloned())?;
    Ok(chosen)
}

/// What is accepted, and the known name that `received` was meant to be, if there is one like it.
fn unknown<'a>(option: &str, accepted: &str, known: impl Iterator<Item = &'a str>, received: &str) -> BenchError {
    // A lane is often named without its prefix.
    let bare = |name: &'a str| name.strip_prefix("lane:").unwrap_or(name);
    let alike = |name: &'a str| strsim::jaro_winkler(name, received).max(strsim::jaro_winkler(bare(name), received));
    let likeliest = known.map(|name| (alike(name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    let suggestion = likeliest
        .filter(|(alike, _)| *alike >= ALIKE)
        .map(|(_, name)| format!("; did you mean `{name}`?"))
        .unwrap_or_default();
    BenchError::Usage(format!("{option} takes {accepted}, got `{received}`{suggestion}"))
}

/// Results are told apart by name.
fn distinct(option: &str, names: impl Iterator<Item = String>) -> Result<(), BenchError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.clone()) {
            return Err(BenchError::Usage(format!("{option} takes a name once, got `{name}` twice: leave one out")));
        }
    }
    Ok(())
}

/// A choice of adapter, as the session option has it: `auto`, an index, or part of a name.
///
/// # Errors
/// What is accepted.
pub fn adapter(text: &str) -> Result<AdapterChoice, String> {
    AdapterChoice::parse(text).ok_or_else(|| "`auto`, an index or part of an adapter's name is needed".to_owned())
}

/// Those of a machine's adapters that `--adapter` chooses, all for `auto`.
///
/// # Errors
/// [`BenchError::Usage`] where none is what was named.
pub fn adapters<'a>(choice: &AdapterChoice, all: &'a [AdapterSummary]) -> Result<Vec<&'a AdapterSummary>, BenchError> {
    let (named, received) = match choice {
        AdapterChoice::Auto => return Ok(all.iter().collect()),
        AdapterChoice::Index(index) => {
            (all.iter().filter(|adapter| adapter.index == *index).collect(), index.to_string())
        }
        AdapterChoice::Name(part) => {
            let is_named = |adapter: &&AdapterSummary| adapter.name.to_lowercase().contains(&part.to_lowercase());
            (all.iter().filter(is_named).collect::<Vec<_>>(), part.clone())
        }
    };
    if !named.is_empty() {
        return Ok(named);
    }
    let names: Vec<String> = all.iter().map(|adapter| format!("{} {}", adapter.index, adapter.name)).collect();
    let there = if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) };
    Err(BenchError::Usage(format!(
        "--adapter takes an index, or part of a name, of an adapter, got '{received}'; {there}"
    )))
}

/// Opens the device that `--adapter` chooses.
///
/// # Errors
/// [`BenchError::Usage`] where no adapter is what was named; [`BenchError::Open`] where none can be used.
pub fn open(choice: &AdapterChoice, settings: &GpuSettings) -> Result<Arc<Gpu>, BenchError> {
    Gpu::open(choice, settings).or_else(|error| {
        let all: Vec<AdapterSummary> = error.adapters.iter().map(|(adapter, _)| adapter.clone()).collect();
        if !all.is_empty() {
            adapters(choice, &all)?;
        }
        Err(error.into())
    })
}

/// Checks that a directory of measured choices that `--cache` names is there: a name mistyped would mean none, without a word.
///
/// # Errors
/// [`BenchError::Usage`].
pub fn cache(directory: &Path) -> Result<(), BenchError> {
    let shown = directory.display();
    let what = match (directory.is_dir(), directory.exists()) {
        (true, _) => return Ok(()),
        (_, true) => "which is none: name another".to_owned(),
        (_, false) => format!("which does not exist: run `webgpu-attention tune --cache {shown}` first"),
    };
    Err(BenchError::Usage(format!("--cache takes the directory of measured choices, got '{shown}', {what}")))
}

#[cfg(test)]
mod tests {
    use mha_plan::DeviceKind;

    use super::*;

    fn names(list: &str) -> Vec<String> {
        list.split(',').map(str::to_owned).collect()
    }

    fn chosen(list: &str) -> Vec<String> {
        shapes(&names(list)).expect(list).into_iter().map(|shape| shape.name).collect()
    }

    #[test]
    fn shapes_are_found_by_name_set_and_file() {
        assert_eq!(chosen("sweep-512,lightonocr-4k,random-07"), ["sweep-512", "lightonocr-4k", "random-07"]);
        assert_eq!(chosen("all,sweep,random").len(), 9 + 8 + 50);
        assert_eq!(chosen("random:3"), ["random-01", "random-02", "random-03"]);
        assert_eq!(chosen("random:2:9"), ["random-s9-01", "random-s9-02"]);
        let file = tempfile::Builder::new().suffix(".json").tempfile().expect("there is room for a file");
        std::fs::write(file.path(), include_str!("../data/shapes.json")).expect("it can be written");
        assert_eq!(chosen(&file.path().to_string_lossy()), chosen("all"));
    }

    #[test]
    fn subjects_are_paths_and_lanes_with_rows() {
        let named = |list: &str, rows| -> Vec<String> {
            subjects(&names(list), rows).expect(list).iter().map(Subject::name).collect()
        };
        assert_eq!(
            named("auto,lane:seed-before,lane:seed-after", None),
            ["auto", "lane:seed-before", "lane:seed-after"]
        );
        assert_eq!(named("paths", None).len() + Subject::lanes().len(), named("all", None).len());
        // Rows that differ in any number have names that do.
        let rows =
            "f32 | 64 | 4 | r4s4a2 | 32 | 256; f32 | 64 | 4 | r4s4a2 | 16 | 256; f32 | 64 | 4 | r4s4a2 | 16 | 256 | 2";
        assert_eq!(
            named("baseline,lane:rows", Some(rows)),
            [
                "baseline",
                "lane:rows l4 r4s4a2 k32 w256",
                "lane:rows l4 r4s4a2 k16 w256",
                "lane:rows l4 r4s4a2 k16 w256 x2"
            ]
        );
    }

    #[test]
    fn adapters_are_chosen_by_index_and_part_of_the_name() {
        let adapter = |index, name: &str| AdapterSummary {
            index,
            name: name.into(),
            backend: "vulkan",
            kind: DeviceKind::Discrete,
            driver: String::new(),
            unusable: None,
        };
        let machine = [adapter(0, "llvmpipe (LLVM 15)"), adapter(1, "NVIDIA A"), adapter(2, "NVIDIA B")];
        let chosen = |choice: &str, all| -> Result<Vec<usize>, String> {
            let found = adapters(&adapter_choice(choice), all).map_err(|error| error.to_string())?;
            Ok(found.into_iter().map(|adapter| adapter.index).collect())
        };
        let rule = "--adapter takes an index, or part of a name, of an adapter";
        let there = "there are: 0 llvmpipe (LLVM 15), 1 NVIDIA A, 2 NVIDIA B";
        for (choice, want) in [
            ("auto", Ok(vec![0, 1, 2])),
            ("1", Ok(vec![1])),
            ("nvidia", Ok(vec![1, 2])),
            ("7", Err(format!("{rule}, got '7'; {there}"))),
            ("mali", Err(format!("{rule}, got 'mali'; {there}"))),
        ] {
            assert_eq!(chosen(choice, &machine), want, "{choice}");
        }
        assert_eq!(chosen("auto", &[]), Ok(vec![]));
        assert_eq!(chosen("7", &[]), Err(format!("{rule}, got '7'; there is none")));
    }

    fn adapter_choice(text: &str) -> AdapterChoice {
        adapter(text).expect(text)
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_type() {
        let row = "f32 | 64 | 4 | r4s4a2 | 32 | 256";
        let subject = |list: &str, rows| subjects(&names(list), rows).map(drop);
        let shape = |list: &str| shapes(&names(list)).map(drop);
        for (result, want) in [
            (shape("lightonocr"), "got `lightonocr`; did you mean `lightonocr-4k`?"),
            (shape("sweeps"), "did you mean `sweep`?"),
            (shape("zzz"), "or a FILE.json, got `zzz`"),
            (shape("random:0"), "got `random:0`"),
            (shape("random:many"), "got `random:many`"),
            (shape("random:1:2:3"), "as random:20:7"),
            (shape("all,lightonocr-4k"), "got `lightonocr-4k` twice"),
            (shape("missing.json"), "missing.json: it can't be read"),
            (subject("seed-before", None), "did you mean `lane:seed-before`?"),
            (subject("basline", None), "did you mean `baseline`?"),
            (subject("paths,auto", None), "got `auto` twice"),
            (subject("baseline", Some(row)), "as `--subjects lane:rows`"),
            (subject("lane:rows", Some(" ; ")), "got none"),
            (subject("lane:rows", Some("f32 | 64")), "row 1: a row has 6 to 8 cells, got 2"),
            (dtypes(&names("f32,fp16")).map(drop), "--dtypes takes f32, f16, got `fp16`"),
            (dtypes(&names("f16,f16")).map(drop), "got `f16` twice"),
        ] {
            let error = result.expect_err(want).to_string();
            assert!(error.contains(want) && !error.contains('\n'), "{want} is not in: {error}");
        }
    }
}
