//! The reader of `kernels/variants.txt`.

use std::collections::{BTreeMap, BTreeSet};

/// A kernel's name and the files it is made of.
pub struct Variant {
    pub name: String,
    pub files: Vec<File>,
}

/// A file, by its path in `kernels/`; a template where it has counts.
pub struct File {
    pub path: String,
    pub counts: Vec<u32>,
}

impl File {
    fn parse(word: &str) -> Option<File> {
        let (path, counts) = match word.split_once(':') {
            Some((path, counts)) => (path, counts.split('x').map(str::parse).collect::<Result<_, _>>().ok()?),
            None => (word, Vec::new()),
        };
        Some(File { path: format!("{path}.wgsl"), counts })
    }
}

/// Expands every line over the axes it names.
pub fn expand(text: &str) -> Result<Vec<Variant>, String> {
    let mut axes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut variants = Vec::new();
    let mut names = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let at = || format!("variants.txt:{}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(axis) = line.strip_prefix("axis ") {
            let (name, values) = axis.split_once('=').unwrap_or((axis, ""));
            let values: Vec<String> = values.split_whitespace().map(str::to_owned).collect();
            if values.is_empty() {
                return Err(format!("{}: an axis is `axis NAME = VALUES`, got `{line}`", at()));
            }
            axes.insert(name.trim().to_owned(), values);
            continue;
        }
        let (name, files) =
            line.split_once(": ").ok_or_else(|| format!("{}: a kernel is `NAME: FILES`, got `{line}`", at()))?;
        let mut rows = vec![(name.trim().to_owned(), files.trim().to_owned())];
        for (axis, values) in &axes {
            if line.contains(&format!("{{{axis}}}")) {
                rows = rows.iter().flat_map(|row| values.iter().map(|value| filled(row, axis, value))).collect();
            }
        }
        for (name, files) in rows {
            if name.contains(['{', '}']) || files.contains(['{', '}']) {
                let rule = "a line's {axis} is defined above and in its kernel's name, and {axis.x} among its files a number behind x";
                return Err(format!("{}: {rule}, got `{name}: {files}`", at()));
            }
            if !names.insert(name.clone()) {
                return Err(format!("{}: a kernel is listed once, got {name} again", at()));
            }
            let file = |word: &str| {
                File::parse(word).ok_or_else(|| {
                    format!(
                        "{}: a template is FILE:N, FILE:NxM, FILE:NxMxK or FILE:NxMxKxL, got {word} in {name}",
                        at()
                    )
                })
            };
            let files = files.split_whitespace().map(file).collect::<Result<_, _>>()?;
            variants.push(Variant { name, files });
        }
    }
    Ok(variants)
}

/// A name and its files with one value of an axis filled in.
fn filled((name, files): &(String, String), axis: &str, value: &str) -> (String, String) {
    let (short, parts) = value.split_once('=').unwrap_or((value, value));
    let hole = format!("{{{axis}}}");
    let mut files = files.replace(&hole, &parts.replace('+', " "));
    for (letters, number) in numbers(short) {
        files = files.replace(&format!("{{{axis}.{letters}}}"), number);
    }
    (name.replace(&hole, short), files)
}

/// The numbers in a value's name, with the letters in front of each: `l4_r2s8` has 4 behind `l`, 2 behind `r` and 8 behind `s`.
fn numbers(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let digits = rest.find(|c: char| c.is_ascii_digit())?;
        let end = rest[digits..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |length| digits + length);
        let (before, number) = (&rest[..digits], &rest[digits..end]);
        rest = &rest[end..];
        Some((before.trim_start_matches('_'), number))
    })
}
