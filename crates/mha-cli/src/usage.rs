//! Errors of the command line in one line that says what to type instead, where clap takes a paragraph.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// The line for the error that `command` found in `arguments`, the program's own name not among them. None where it is no
/// error: a request for help or for the version.
pub(crate) fn line(command: &Command, arguments: &[OsString], error: &Error) -> Option<String> {
    let context = |kind| error.get(kind).map(ToString::to_string);
    let name = command.get_name();
    let subcommand =
        command.get_subcommands().find(|sub| arguments.first().is_some_and(|first| first == sub.get_name()));
    let help = match subcommand {
        Some(subcommand) => format!("{name} {} --help", subcommand.get_name()),
        None => format!("{name} --help"),
    };
    Some(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            format!("a command is missing: type {name} {}", names(command))
        }
        ErrorKind::InvalidSubcommand => {
            let received = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("there is no command '{received}': type {name} {}", names(command))
        }
        ErrorKind::UnknownArgument => {
            let received = context(ContextKind::InvalidArg).unwrap_or_default();
            let instead = match error.get(ContextKind::SuggestedArg) {
                Some(ContextValue::String(similar)) => format!("type {similar}, or {help} for all there are"),
                _ => format!("{help} tells those there are"),
            };
            format!("there is no option or argument '{received}': {instead}")
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = context(ContextKind::InvalidArg).unwrap_or_default();
            let usage = context(ContextKind::Usage).unwrap_or_default();
            let usage = usage.trim_start_matches("Usage:").trim();
            format!("{missing} is missing: type {usage}")
        }
        _ => {
            // The paragraph before the usage says what is wrong.
            let text = error.render().to_string();
            let paragraph = text.split("\n\n").next().unwrap_or_default();
            let what: Vec<&str> = paragraph.trim_start_matches("error:").split_whitespace().collect();
            format!("{}; {help} tells more", what.join(" "))
        }
    })
}

fn names(command: &Command) -> String {
    let names = command.get_subcommands().map(Command::get_name).filter(|name| *name != "help");
    names.collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::Program;

    fn said(arguments: &str) -> Option<String> {
        let arguments: Vec<OsString> = arguments.split_whitespace().map(OsString::from).collect();
        let all = std::iter::once("webgpu-attention".into()).chain(arguments.iter().cloned());
        let error = Program::command().try_get_matches_from(all).expect_err("they mean nothing, or ask for help");
        line(&Program::command(), &arguments, &error)
    }

    #[test]
    fn errors_are_one_line_that_says_what_to_type() {
        let cases = [
            ("", "a command is missing: type webgpu-attention doctor or bench or compare"),
            ("comapre", "there is no command 'comapre': type webgpu-attention doctor or bench or compare"),
            ("--jsn x", "there is no option or argument '--jsn': webgpu-attention --help tells those there are"),
            (
                "compare --jsn x m.onnx",
                "there is no option or argument '--jsn': type --json, or webgpu-attention compare --help for all there are",
            ),
            (
                "doctor --everything",
                "there is no option or argument '--everything': webgpu-attention doctor --help tells those there are",
            ),
            (
                "compare a.onnx b.onnx",
                "there is no option or argument 'b.onnx': webgpu-attention compare --help tells those there are",
            ),
            ("compare", "<MODEL> is missing: type webgpu-attention compare <MODEL>"),
            (
                "compare m.onnx --dim batch",
                "invalid value 'batch' for '--dim <NAME=SIZE>': it is name=size, as in batch=1; \
                 webgpu-attention compare --help tells more",
            ),
            (
                "compare m.onnx --runs 0",
                "invalid value '0' for '--runs <RUNS>': number would be zero for non-zero type; \
                 webgpu-attention compare --help tells more",
            ),
            (
                "compare m.onnx --paths fast",
                "invalid value 'fast' for '--paths <PATHS>': paths are baseline, apple, auto; \
                 webgpu-attention compare --help tells more",
            ),
            (
                "compare m.onnx --json",
                "a value is required for '--json <JSON>' but none was supplied; webgpu-attention compare --help tells more",
            ),
        ];
        for (arguments, expected) in cases {
            assert_eq!(said(arguments).as_deref(), Some(expected), "{arguments}");
        }
    }

    #[test]
    fn help_and_version_are_no_errors() {
        for arguments in ["--help", "--version", "compare --help", "help", "help bench"] {
            assert_eq!(said(arguments), None, "{arguments}");
        }
    }
}
