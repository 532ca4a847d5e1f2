//! Errors of command-line use, in one line.

use std::process::exit;

use clap::Parser;

/// Exit status of a command line that can't be understood, as clap has it.
const STATUS: i32 = 2;

/// Parses the program's arguments. What is wrong with them goes to standard error as one line, after `program`'s name.
pub fn parse<P: Parser>(program: &str) -> P {
    P::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            // Not errors: help and version were asked for, or nothing was.
            error.exit();
        }
        eprintln!("{program}: {}", one_line(&error.render().to_string()));
        exit(STATUS)
    })
}

/// The message and its tips, without the summary of all options.
fn one_line(rendered: &str) -> String {
    let parts = rendered.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let kept = parts.filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"));
    let line = kept.map(|part| part.trim_start_matches("error: ").to_owned()).collect::<Vec<_>>().join("; ");
    format!("{}; `--help` lists all options", line.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[arg(long, conflicts_with = "other")]
        repeats: Option<u32>,
        #[arg(long)]
        other: bool,
    }

    #[test]
    fn a_wrong_use_gets_one_line() {
        for (arguments, want) in [
            (
                vec!["--repeat", "3"],
                "unexpected argument '--repeat' found; tip: a similar argument exists: '--repeats'",
            ),
            (vec!["--repeats", "many"], "invalid value 'many' for '--repeats <REPEATS>'"),
            (vec!["--repeats", "3", "--other"], "cannot be used with '--other'"),
            (vec!["--repeats"], "a value is required for '--repeats <REPEATS>'"),
        ] {
            let error = Program::try_parse_from([vec!["program"], arguments].concat()).expect_err(want);
            let line = one_line(&error.render().to_string());
            assert!(line.contains(want) && !line.contains('\n') && !line.contains("Usage"), "{line}");
            assert!(line.ends_with("`--help` lists all options"), "{line}");
        }
    }
}
