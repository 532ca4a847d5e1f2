//! Contract: dependencies between the workspace's crates point down, and each large interface has one crate that names it.
//! `crates/ARCHITECTURE.md` gives the reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every crate with the workspace crates that it may depend on.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("mha-spec", &[]),
    ("mha-kernels", &[]),
    ("mha-plan", &["mha-kernels", "mha-spec"]),
    ("mha-gpu", &["mha-kernels", "mha-plan", "mha-spec"]),
    ("mha-tune", &["mha-spec"]),
    ("mha-auto", &["mha-gpu", "mha-plan", "mha-spec", "mha-tune"]),
    ("ort-webgpu-attention", &["mha-auto", "mha-gpu", "mha-plan", "mha-spec", "mha-tune"]),
    // Beside the path from a node to the GPU: the oracle, what tests share, and what measures.
    ("mha-reference", &["mha-spec"]),
    ("mha-testkit", &["mha-plan", "mha-reference", "mha-spec"]),
    ("mha-bench", &["mha-auto", "mha-gpu", "mha-kernels", "mha-plan", "mha-spec"]),
    ("mha-cli", &["mha-auto", "mha-bench", "mha-gpu", "mha-plan", "mha-spec", "ort-webgpu-attention"]),
];

/// Crates that tests may use besides.
const FOR_TESTS: [&str; 2] = ["mha-reference", "mha-testkit"];

/// Families of crates, by the start of their names, that a single crate names.
const OWNERS: [(&str, &str); 3] = [("wgpu", "mha-gpu"), ("ort", "ort-webgpu-attention"), ("naga", "mha-kernels")];

#[derive(Debug, PartialEq)]
enum Kind {
    /// At run time.
    Normal,
    /// In a build script.
    Build,
    /// In tests, examples and benchmarks.
    Dev,
}

struct Dependency {
    name: String,
    kind: Kind,
}

/// The workspace's crates with what their manifests name, for every target and feature.
fn workspace() -> BTreeMap<String, Vec<Dependency>> {
    let finished = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(finished.status.success(), "{}", String::from_utf8_lossy(&finished.stderr));
    let metadata: Value = serde_json::from_slice(&finished.stdout).expect("cargo metadata is JSON");
    let text = |value: &Value| value.as_str().expect("names are text").to_owned();
    let dependency = |value: &Value| Dependency {
        name: text(&value["name"]),
        kind: match value["kind"].as_str() {
            None => Kind::Normal,
            Some("build") => Kind::Build,
            Some("dev") => Kind::Dev,
            Some(other) => panic!("a dependency is normal, build or dev, got {other}"),
        },
    };
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    packages
        .iter()
        .map(|package| {
            let listed = package["dependencies"].as_array().expect("a package lists its dependencies");
            (text(&package["name"]), listed.iter().map(dependency).collect())
        })
        .collect()
}

#[test]
fn dependencies_point_down() {
    let workspace = workspace();
    let known: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    let members: BTreeSet<&str> = workspace.keys().map(String::as_str).collect();
    assert_eq!(members, known, "ALLOWED lists every crate of the workspace");
    for (name, allowed) in ALLOWED {
        for dependency in workspace[name].iter().filter(|dependency| members.contains(dependency.name.as_str())) {
            let to = dependency.name.as_str();
            let fits = allowed.contains(&to) || (dependency.kind == Kind::Dev && FOR_TESTS.contains(&to));
            assert!(fits, "{name} may depend on {allowed:?}, got {to} ({:?})", dependency.kind);
        }
    }
}

#[test]
fn allowed_dependencies_have_an_order() {
    let mut below = BTreeSet::new();
    let mut left = ALLOWED.to_vec();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|(name, allowed)| {
            let ready = allowed.iter().all(|to| below.contains(to));
            if ready {
                below.insert(*name);
            }
            !ready
        });
        assert!(left.len() < before, "these crates depend on each other: {left:?}");
    }
}

#[test]
fn each_interface_has_one_owner() {
    let workspace = workspace();
    for (family, owner) in OWNERS {
        // This workspace's own library is called after one of them.
        let is_foreign = |name: &str| !workspace.contains_key(name);
        let belongs = |name: &str| is_foreign(name) && (name == family || name.starts_with(&format!("{family}-")));
        let users: BTreeSet<&str> = workspace
            .iter()
            .filter(|(_, dependencies)| dependencies.iter().any(|dependency| belongs(&dependency.name)))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(users, BTreeSet::from([owner]), "{family} is named by {owner} alone");
    }
}

/// Kernels are compiled to a catalogue while this workspace is built; a shipped library carries no second compiler of
/// its own beside wgpu's.
#[test]
fn naga_is_not_linked() {
    let workspace = workspace();
    let linked = |dependency: &&Dependency| dependency.name == "naga" && dependency.kind == Kind::Normal;
    assert_eq!(workspace["mha-kernels"].iter().filter(linked).count(), 0);
}
