//! The session options `custom_op.MultiHeadAttention.<key>`: one table, its parser and its errors.

use std::fmt;
use std::path::PathBuf;

/// Prefix of every option's key among the session's config entries.
pub const PREFIX: &str = "custom_op.MultiHeadAttention.";

/// Which kernels answer a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PathChoice {
    /// Portable kernels, for every adapter and subgroup size.
    #[default]
    Baseline,
    /// Kernels and tuning rows for Apple GPUs; they run on every adapter.
    Apple,
    /// The fastest that is known for the adapter, cooperative matrices included.
    Auto,
}

impl PathChoice {
    /// All paths.
    pub const ALL: [PathChoice; 3] = [PathChoice::Baseline, PathChoice::Apple, PathChoice::Auto];

    /// The option's value.
    pub const fn name(self) -> &'static str {
        match self {
            PathChoice::Baseline => "baseline",
            PathChoice::Apple => "apple",
            PathChoice::Auto => "auto",
        }
    }
}

impl fmt::Display for PathChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which GPU answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AdapterChoice {
    /// Discrete before integrated before software.
    #[default]
    Auto,
    /// By position in the list of adapters.
    Index(usize),
    /// The first whose name contains this text.
    Name(String),
}

/// What happens where no adapter is usable or the device is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FallbackChoice {
    /// ONNX Runtime's own CPU kernel computes, with one warning.
    #[default]
    Cpu,
    /// An error that states why.
    Error,
}

/// Which processor answers a call that both could.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RouteChoice {
    /// The GPU, always.
    #[default]
    Gpu,
    /// The GPU, or ONNX Runtime's own CPU kernel where that was measured to be faster.
    Auto,
}

/// What becomes of the times of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProfileChoice {
    /// Nothing is measured.
    #[default]
    Off,
    /// A table at the session's end.
    Summary,
    /// A trace in this file at the session's end.
    Trace(PathBuf),
}

/// One row of [`OPTIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionInfo {
    /// Key, without [`PREFIX`].
    pub key: &'static str,
    /// Accepted values, each a literal in backquotes or a description.
    pub values: &'static str,
    /// Value where the session sets none.
    pub default: &'static str,
    /// What it does, one sentence.
    pub meaning: &'static str,
}

/// Every option there is.
pub const OPTIONS: &[OptionInfo] = &[
    OptionInfo {
        key: "path",
        values: "`baseline`, `apple`, `auto`",
        default: "baseline",
        meaning: "Which kernels run: portable ones; those tuned for Apple GPUs, which run on every adapter; or the [fastest \
                  measured](#path-auto) on the adapter, cooperative matrices included.",
    },
    OptionInfo {
        key: "adapter",
        values: "`auto`, an index, part of an adapter's name",
        default: "auto",
        meaning: "Which GPU runs them; `auto` prefers discrete, then integrated, then software ones.",
    },
    OptionInfo {
        key: "fallback",
        values: "`cpu`, `error`",
        default: "cpu",
        meaning: "With no usable adapter, or a lost device: ONNX Runtime's own CPU kernel with one warning, or an error.",
    },
    OptionInfo {
        key: "route",
        values: "`gpu`, `auto`",
        default: "gpu",
        meaning: "`auto` sends a call to ONNX Runtime's own CPU kernel where that is faster, transfers included.",
    },
    OptionInfo {
        key: "profile",
        values: "`off`, `summary`, a file path with a `/` or `.` in it",
        default: "off",
        meaning: "Times of all calls when the session ends: a table on standard error, or a trace for Perfetto in a file.",
    },
];

/// Values of all options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// `path`.
    pub path: PathChoice,
    /// `adapter`.
    pub adapter: AdapterChoice,
    /// `fallback`.
    pub fallback: FallbackChoice,
    /// `route`.
    pub route: RouteChoice,
    /// `profile`.
    pub profile: ProfileChoice,
}

/// An entry under [`PREFIX`] that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No such option.
    #[error("session option '{PREFIX}{key}' does not exist; accepted are {}, got it with value '{value}'", keys())]
    UnknownKey {
        /// Key as received, without [`PREFIX`].
        key: String,
        /// Its value.
        value: String,
    },
    /// No such value.
    #[error("session option '{PREFIX}{key}' accepts {accepted}; got '{value}'")]
    UnknownValue {
        /// Key, without [`PREFIX`].
        key: &'static str,
        /// Values it accepts.
        accepted: &'static str,
        /// Value as received.
        value: String,
    },
}

impl Options {
    /// Reads the options among all config entries (key, value) of a session; entries without [`PREFIX`] belong to others.
    ///
    /// # Errors
    /// An unknown key under the prefix, or a value its option does not accept.
    pub fn parse<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Options, OptionError> {
        let mut options = Options::default();
        for (key, value) in entries {
            let Some(key) = key.strip_prefix(PREFIX) else { continue };
            let Some(info) = OPTIONS.iter().find(|info| info.key == key) else {
                return Err(OptionError::UnknownKey { key: key.into(), value: value.into() });
            };
            let accepted = match info.key {
                "path" => set(&mut options.path, parse_path(value)),
                "adapter" => set(&mut options.adapter, parse_adapter(value)),
                "fallback" => set(&mut options.fallback, parse_fallback(value)),
                "route" => set(&mut options.route, parse_route(value)),
                "profile" => set(&mut options.profile, parse_profile(value)),
                _ => unreachable!("every row of OPTIONS has an arm, which a test checks"),
            };
            if !accepted {
                return Err(OptionError::UnknownValue { key: info.key, accepted: info.values, value: value.into() });
            }
        }
        Ok(options)
    }

    /// [`OPTIONS`] as a Markdown table, as the README has it.
    pub fn markdown() -> String {
        let mut table = format!("| key (`{PREFIX}` …) | values | default | meaning |\n|---|---|---|---|\n");
        for OptionInfo { key, values, default, meaning } in OPTIONS {
            table += &format!("| `{key}` | {values} | `{default}` | {meaning} |\n");
        }
        table
    }
}

/// Stores a parsed value; false where there is none.
fn set<T>(slot: &mut T, value: Option<T>) -> bool {
    value.map(|value| *slot = value).is_some()
}

fn parse_path(value: &str) -> Option<PathChoice> {
    PathChoice::ALL.into_iter().find(|path| path.name() == value)
}

/// All digits is an index, which must fit; other text is part of a name.
impl AdapterChoice {
    /// What the session option of that name accepts: `auto`, an index, part of a name.
    pub fn parse(value: &str) -> Option<AdapterChoice> {
        parse_adapter(value)
    }
}

fn parse_adapter(value: &str) -> Option<AdapterChoice> {
    match value.trim() {
        "" => None,
        "auto" => Some(AdapterChoice::Auto),
        text if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok().map(AdapterChoice::Index),
        text => Some(AdapterChoice::Name(text.into())),
    }
}

fn parse_fallback(value: &str) -> Option<FallbackChoice> {
    match value {
        "cpu" => Some(FallbackChoice::Cpu),
        "error" => Some(FallbackChoice::Error),
        _ => None,
    }
}

fn parse_route(value: &str) -> Option<RouteChoice> {
    match value {
        "gpu" => Some(RouteChoice::Gpu),
        "auto" => Some(RouteChoice::Auto),
        _ => None,
    }
}

/// A path has a separator or a dot, so that a misspelt word is none. That it can be written is found out where the file
/// system is known.
fn parse_profile(value: &str) -> Option<ProfileChoice> {
    match value {
        "off" => Some(ProfileChoice::Off),
        "summary" => Some(ProfileChoice::Summary),
        path => path.contains(['/', '\\', '.']).then(|| ProfileChoice::Trace(path.into())),
    }
}

/// The accepted keys, for messages.
fn keys() -> String {
    OPTIONS.iter().map(|info| format!("'{}'", info.key)).collect::<Vec<_>>().join(", ")
}
