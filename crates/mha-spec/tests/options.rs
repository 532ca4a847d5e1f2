//! Contract: session options under the prefix are all known, and what is not known is refused by name.

use mha_spec::options::{OPTIONS, PREFIX};
use mha_spec::{AdapterChoice, FallbackChoice, Options, PathChoice, ProfileChoice, RouteChoice};

/// Parses entries whose keys are under the prefix.
fn parse(entries: &[(&str, &str)]) -> Result<Options, String> {
    let entries: Vec<(String, &str)> = entries.iter().map(|(key, value)| (format!("{PREFIX}{key}"), *value)).collect();
    Options::parse(entries.iter().map(|(key, value)| (key.as_str(), *value))).map_err(|error| error.to_string())
}

#[test]
fn defaults() {
    let options = parse(&[]).unwrap();
    assert_eq!(options, Options::default());
    assert_eq!(options.path, PathChoice::Baseline);
    assert_eq!(options.adapter, AdapterChoice::Auto);
    assert_eq!(options.fallback, FallbackChoice::Cpu);
    assert_eq!(options.route, RouteChoice::Gpu);
    assert_eq!(options.profile, ProfileChoice::Off);
}

#[test]
fn the_table_and_the_parser_agree() {
    for info in OPTIONS {
        let set = parse(&[(info.key, info.default)]);
        assert_eq!(set, Ok(Options::default()), "{} accepts its default and it changes nothing", info.key);
        // Words in backquotes; the rest describes.
        for literal in info.values.split('`').skip(1).step_by(2).filter(|word| word.len() > 1) {
            assert!(parse(&[(info.key, literal)]).is_ok(), "{} accepts {literal}", info.key);
        }
    }
}

#[test]
fn values() {
    assert_eq!(parse(&[("path", "apple")]).unwrap().path, PathChoice::Apple);
    assert_eq!(parse(&[("path", "auto")]).unwrap().path, PathChoice::Auto);
    assert_eq!(parse(&[("fallback", "error")]).unwrap().fallback, FallbackChoice::Error);
    assert_eq!(parse(&[("route", "auto")]).unwrap().route, RouteChoice::Auto);
    let profile = |value| parse(&[("profile", value)]).unwrap().profile;
    assert_eq!(profile("summary"), ProfileChoice::Summary);
    assert_eq!(profile("traces/run 1.json"), ProfileChoice::Trace("traces/run 1.json".into()));
    let adapter = |value| parse(&[("adapter", value)]).unwrap().adapter;
    assert_eq!(adapter("0"), AdapterChoice::Index(0));
    assert_eq!(adapter("12"), AdapterChoice::Index(12));
    assert_eq!(adapter("llvmpipe"), AdapterChoice::Name("llvmpipe".into()));
    assert_eq!(adapter("RTX 4090"), AdapterChoice::Name("RTX 4090".into()));
    assert_eq!(adapter("-1"), AdapterChoice::Name("-1".into()));
}

#[test]
fn entries_of_others_are_left_alone() {
    let entries = [
        ("session.disable_prepacking", "1"),
        ("custom_op.Other.path", "nowhere"),
        ("custom_op.MultiHeadAttentionX.path", "nowhere"),
        ("path", "nowhere"),
    ];
    assert_eq!(Options::parse(entries), Ok(Options::default()));
}

#[test]
fn unknown_keys() {
    let rule = "accepted are 'path', 'adapter', 'fallback', 'route', 'profile'";
    for key in ["pth", "", "Path", "path.x", "routes"] {
        assert_eq!(
            parse(&[("path", "apple"), (key, "apple")]),
            Err(format!(
                "session option 'custom_op.MultiHeadAttention.{key}' does not exist; {rule}, got it with value 'apple'"
            ))
        );
    }
}

#[test]
fn unknown_values() {
    let refused = |key: &str, value: &str, accepted: &str| {
        assert_eq!(
            parse(&[(key, value)]),
            Err(format!("session option 'custom_op.MultiHeadAttention.{key}' accepts {accepted}; got '{value}'"))
        );
    };
    for value in ["fast", "", "Baseline", " apple", "metal"] {
        refused("path", value, "`baseline`, `apple`, `auto`");
    }
    for value in ["", "  ", "99999999999999999999999999"] {
        refused("adapter", value, "`auto`, an index, part of an adapter's name");
    }
    for value in ["cpu", "", "GPU"] {
        refused("route", value, "`gpu`, `auto`");
    }
    for value in ["", " ", "sumary", "on"] {
        refused("profile", value, "`off`, `summary`, a file path with a `/` or `.` in it");
    }
    for value in ["gpu", "", "CPU"] {
        refused("fallback", value, "`cpu`, `error`");
    }
}

/// The README's option table is this crate's.
#[test]
fn readme() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).expect("README.md");
    let table = Options::markdown();
    assert!(readme.contains(&table), "README.md must hold this table:\n\n{table}");
}
