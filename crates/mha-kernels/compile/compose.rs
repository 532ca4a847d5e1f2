//! Joins WGSL files, templates among them written out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

use super::variants::File;

/// What a template's counts are called in it, in their order.
const NAMES: [&str; 4] = ["N", "M", "K", "L"];

/// Writes templates out: Jinja whose statements are lines behind `//%`, as WGSL's own braces and comments would else be in its way.
pub struct Composer<'a> {
    root: &'a Path,
    templates: Environment<'static>,
}

impl<'a> Composer<'a> {
    /// For the files under `root`.
    pub fn new(root: &'a Path) -> Result<Composer<'a>, String> {
        let syntax = SyntaxConfig::builder()
            .variable_delimiters("${", "}")
            .line_statement_prefix("//%")
            .keep_trailing_newline(true)
            .build()
            .map_err(|e| format!("the syntax of templates: {e}"))?;
        let mut templates = Environment::new();
        templates.set_syntax(syntax);
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.add_function("plus", plus);
        Ok(Composer { root, templates })
    }

    /// The files in their order, each behind a comment that names it.
    pub fn join(&self, files: &[File]) -> Result<String, String> {
        let mut source = String::new();
        for file in files {
            let path = &file.path;
            let text = fs::read_to_string(self.root.join(path)).map_err(|e| format!("kernels/{path}: {e}"))?;
            let (text, of) = if file.counts.is_empty() {
                (text, String::new())
            } else {
                (self.written_out(path, &text, &file.counts)?, format!(", for {}", listed(&file.counts)))
            };
            // Nothing may precede an `enable`, so the name follows its file.
            source.push_str(&text);
            source.push_str(&format!("// ^ kernels/{path}{of}\n\n"));
        }
        Ok(source)
    }

    fn written_out(&self, path: &str, text: &str, counts: &[u32]) -> Result<String, String> {
        if counts.len() > NAMES.len() {
            return Err(format!("kernels/{path}: a template has counts {}, got {}", NAMES.join("x"), listed(counts)));
        }
        let named: BTreeMap<&str, u32> = NAMES.into_iter().zip(counts.iter().copied()).collect();
        let written = self.templates.render_str(text, named).map_err(|e| format!("kernels/{path}: {e}"))?;
        if written == text {
            return Err(format!(
                "kernels/{path}: only a template has counts, got {} for a file without N",
                listed(counts)
            ));
        }
        Ok(written)
    }
}

fn listed(counts: &[u32]) -> String {
    counts.iter().map(u32::to_string).collect::<Vec<_>>().join("x")
}

/// What adds `index` times `unit`, or `index` itself, to the expression before it.
fn plus(index: u32, unit: Option<&str>) -> String {
    match (index, unit) {
        (0, _) => String::new(),
        (1, Some(unit)) => format!(" + {unit}"),
        (_, Some(unit)) => format!(" + {index}u * {unit}"),
        (_, None) => format!(" + {index}u"),
    }
}
