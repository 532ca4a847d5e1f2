//! The reader of `kernels/variants.txt`.

use std::collections::{BTreeMap, BTreeSet};

/// A kernel's name and the files it is made of.
pub struct Variant {
    pub name: String,
    pub files: Vec<String>,
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
            let (name, values) =
                axis.split_once('=').ok_or_else(|| format!("{}: an axis is `axis NAME = VALUES`", at()))?;
            let values = values.split_whitespace().map(str::to_owned).collect();
            axes.insert(name.trim().to_owned(), values);
            continue;
        }
        let (name, files) = line.split_once(':').ok_or_else(|| format!("{}: a kernel is `NAME: FILES`", at()))?;
        let mut rows = vec![(name.trim().to_owned(), files.trim().to_owned())];
        for (axis, values) in &axes {
            let hole = format!("{{{axis}}}");
            if line.contains(&hole) {
                let fill = |(name, files): &(String, String)| -> Vec<(String, String)> {
                    let one = |value: &String| {
                        let (short, parts) = value.split_once('=').unwrap_or((value, value));
                        (name.replace(&hole, short), files.replace(&hole, &parts.replace('+', " ")))
                    };
                    values.iter().map(one).collect()
                };
                rows = rows.iter().flat_map(fill).collect();
            }
        }
        for (name, files) in rows {
            if name.contains(['{', '}']) || files.contains(['{', '}']) {
                return Err(format!("{}: every {{name}} is an axis defined above, got `{name}: {files}`", at()));
            }
            if !names.insert(name.clone()) {
                return Err(format!("{}: a kernel is listed once, got {name} again", at()));
            }
            variants.push(Variant { name, files: files.split_whitespace().map(|f| format!("{f}.wgsl")).collect() });
        }
    }
    Ok(variants)
}
