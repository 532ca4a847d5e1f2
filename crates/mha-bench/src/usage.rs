//! Errors of command-line use, in one line that says what to type instead, where clap takes a paragraph.

use std::ffi::OsString;
use std::io;
use std::process::exit;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error, Parser};

/// Exit status of a command line that can't be understood, as clap has it.
const STATUS: i32 = 2;

/// Parses the program's arguments. What is wrong with them goes to standard error as one line, after `program`'s name.
pub fn parse<P: Parser>(program: &str) -> P {
    let command = with_negative_numbers(P::command());
    try_parse(&command, std::env::args_os()).unwrap_or_else(|error| {
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        match line(&command, &arguments, &error) {
            Some(line) => eprintln!("{program}: {line}"),
            None => error.exit(),
        }
        exit(STATUS)
    })
}

fn try_parse<P: Parser>(command: &Command, arguments: impl IntoIterator<Item = OsString>) -> Result<P, Error> {
    P::from_arg_matches(&command.clone().try_get_matches_from(arguments)?)
}

/// Negative numbers are values, so that the option that takes none says so.
fn with_negative_numbers(command: Command) -> Command {
    let command = command.mut_args(|argument| {
        let takes_values = argument.get_action().takes_values();
        argument.allow_negative_numbers(takes_values)
    });
    command.mut_subcommands(with_negative_numbers)
}

/// Whether an error is that nobody reads standard output any more, as after `| head`: an end like any other.
pub fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// Has warnings of the library below shown on standard error.
pub fn show_warnings() {
    let lines = tracing_subscriber::fmt().with_writer(io::stderr).without_time().with_target(false);
    // Fails where the process has such a thing already, which then shows them.
    let _ = lines.with_max_level(tracing::Level::WARN).try_init();
}

/// The line for the error that `command` found in `arguments`, the program's own name not among them. None where it is no
/// error: a request for help or for the version.
fn line(command: &Command, arguments: &[OsString], error: &Error) -> Option<String> {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let name = command.get_name();
    let subcommand =
        command.get_subcommands().find(|sub| arguments.first().is_some_and(|first| first == sub.get_name()));
    let help = match subcommand {
        Some(subcommand) => format!("`{name} {} --help`", subcommand.get_name()),
        None => format!("`{name} --help`"),
    };
    Some(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            format!("a command is missing: type `{name} {}`", commands(command))
        }
        ErrorKind::InvalidSubcommand => {
            let received = context(ContextKind::InvalidSubcommand);
            format!("there is no command '{received}': type `{name} {}`", commands(command))
        }
        ErrorKind::UnknownArgument => {
            let received = context(ContextKind::InvalidArg);
            let instead = match error.get(ContextKind::SuggestedArg) {
                Some(ContextValue::String(similar)) => format!("type {similar}, or {help} for all there are"),
                _ => format!("{help} lists those there are"),
            };
            format!("there is no option or argument '{received}': {instead}")
        }
        ErrorKind::MissingRequiredArgument => {
            let usage = context(ContextKind::Usage);
            let usage = usage.trim_start_matches("Usage:").trim();
            format!("{} is missing: type `{usage}`", context(ContextKind::InvalidArg))
        }
        _ => {
            // What comes before the summary of all options says what is wrong.
            let rendered = error.render().to_string();
            let paragraph = rendered.split("\n\n").next().unwrap_or_default();
            let what: Vec<&str> = paragraph.trim_start_matches("error:").split_whitespace().collect();
            format!("{}; {help} lists all options", what.join(" "))
        }
    })
}

fn commands(command: &Command) -> String {
    let names = command.get_subcommands().map(Command::get_name).filter(|name| *name != "help");
    names.collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use clap::Subcommand;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "program", version)]
    struct Program {
        #[command(subcommand)]
        command: Commands,
    }

    #[derive(Debug, Subcommand)]
    enum Commands {
        Bench {
            #[arg(long, conflicts_with = "other")]
            repeats: Option<u32>,
            #[arg(long)]
            other: bool,
        },
        Compare {
            model: String,
        },
    }

    #[derive(Debug, Parser)]
    #[command(name = "single")]
    struct Single {
        #[arg(long)]
        repeats: Option<u32>,
    }

    fn said<P: Parser + std::fmt::Debug>(arguments: &str) -> Option<String> {
        let arguments: Vec<OsString> = arguments.split_whitespace().map(OsString::from).collect();
        let all = std::iter::once("program".into()).chain(arguments.iter().cloned());
        let command = with_negative_numbers(P::command());
        let error = try_parse::<P>(&command, all).expect_err("they mean nothing, or ask for help");
        line(&command, &arguments, &error)
    }

    #[test]
    fn a_wrong_use_gets_one_line() {
        let cases = [
            ("", "a command is missing: type `program bench|compare`"),
            ("bnech", "there is no command 'bnech': type `program bench|compare`"),
            ("--jsn x", "there is no option or argument '--jsn': `program --help` lists those there are"),
            (
                "bench --repeat 3",
                "there is no option or argument '--repeat': type --repeats, or `program bench --help` for all there are",
            ),
            ("bench now", "there is no option or argument 'now': `program bench --help` lists those there are"),
            ("compare", "<MODEL> is missing: type `program compare <MODEL>`"),
            (
                "bench --repeats many",
                "invalid value 'many' for '--repeats <REPEATS>': invalid digit found in string; \
                 `program bench --help` lists all options",
            ),
            (
                "bench --repeats -1",
                "invalid value '-1' for '--repeats <REPEATS>': -1 is not in 0..=4294967295; \
                 `program bench --help` lists all options",
            ),
            (
                "bench --repeats 3 --other",
                "the argument '--repeats <REPEATS>' cannot be used with '--other'; `program bench --help` lists all options",
            ),
            (
                "bench --repeats",
                "a value is required for '--repeats <REPEATS>' but none was supplied; \
                 `program bench --help` lists all options",
            ),
        ];
        for (arguments, expected) in cases {
            assert_eq!(said::<Program>(arguments).as_deref(), Some(expected), "{arguments}");
        }
        let expected =
            "there is no option or argument '--repeat': type --repeats, or `single --help` for all there are";
        assert_eq!(said::<Single>("--repeat 3").as_deref(), Some(expected));
    }

    #[test]
    fn help_and_version_are_no_errors() {
        for arguments in ["--help", "--version", "compare --help", "help", "help bench"] {
            assert_eq!(said::<Program>(arguments), None, "{arguments}");
        }
    }
}
