//! House rules that a compiler does not hold: who may import whom, module docs, file lengths, commands in the README.
//!
//! Each failure is a sentence that says what stands where and what the rule is.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The longest file of Rust that is not a table of data: beyond it a file rarely has one subject.
const LINES_MAX: usize = 600;

/// For each room, the rooms that it may import. Whatever is not on the list is refused.
const EDGES: &[(&str, &[&str])] = &[
    ("tidepool-protocol", &[]),
    ("tidepool-views", &["tidepool-protocol"]),
    ("tidepool-kernel", &["tidepool-protocol", "tidepool-views"]),
    ("tidepool-store", &["tidepool-protocol", "tidepool-views", "tidepool-kernel"]),
    ("tidepool-net", &["tidepool-protocol", "tidepool-kernel"]),
    ("tidepool-sim", &["tidepool-protocol", "tidepool-views", "tidepool-kernel"]),
    ("tidepool-home", &["tidepool-protocol", "tidepool-views", "tidepool-kernel"]),
    ("tidepool-api", &["tidepool-protocol", "tidepool-home"]),
    ("tidepool-lab", &["tidepool-protocol", "tidepool-home"]),
    (
        "tidepool",
        &[
            "tidepool-protocol",
            "tidepool-views",
            "tidepool-kernel",
            "tidepool-store",
            "tidepool-net",
            "tidepool-home",
            "tidepool-api",
            "tidepool-lab",
            "tidepool-sim",
        ],
    ),
];

/// Libraries that one room alone may import, so that they can be replaced there.
const SOLE_IMPORTERS: &[(&str, &str)] = &[
    ("sled", "tidepool-store"),
    ("libp2p", "tidepool-net"),
    ("axum", "tidepool-api"),
    ("clap", "tidepool"),
    ("figment", "tidepool"),
];

/// Rooms without clock, randomness or I/O, and libraries that would bring them in.
const PURE: &[&str] = &["tidepool-protocol", "tidepool-views", "tidepool-kernel", "tidepool-sim"];
const IMPURE_LIBRARIES: &[&str] = &["tokio", "rand", "getrandom", "tracing", "reqwest", "tempfile", "futures"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifests() -> BTreeMap<String, toml::Table> {
    let root = root();
    let workspace: toml::Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let manifest = |member: &toml::Value| {
        let text = fs::read_to_string(root.join(member.as_str().unwrap()).join("Cargo.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        (table["package"]["name"].as_str().unwrap().to_owned(), table)
    };
    members.iter().map(manifest).collect()
}

fn dependencies(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    manifest.get(section).and_then(toml::Value::as_table).map(|t| t.keys().cloned().collect()).unwrap_or_default()
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    rust_files(&root(), &mut found);
    assert!(found.len() > 50, "only {} files of Rust were found: the test looks in the wrong place", found.len());
    found
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn rooms_import_only_what_stands_below_them() {
    let manifests = manifests();
    let edges: BTreeMap<_, _> = EDGES.iter().copied().collect();
    let mut broken = Vec::new();
    for (name, manifest) in &manifests {
        let Some(allowed) = edges.get(name.as_str()) else {
            broken.push(format!("{name} stands in no list of rooms: add its edges to tests/tidy.rs"));
            continue;
        };
        for dependency in dependencies(manifest, "dependencies") {
            if dependency.starts_with("tidepool") && !allowed.contains(&dependency.as_str()) {
                broken.push(format!("{name} imports {dependency}; it may import {allowed:?} only"));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn some_libraries_have_one_importer() {
    let mut broken = Vec::new();
    for (name, manifest) in manifests() {
        for (library, sole) in SOLE_IMPORTERS {
            if dependencies(&manifest, "dependencies").contains(*library) && name != *sole {
                broken.push(format!("{name} imports {library}; only {sole} may"));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn pure_rooms_import_nothing_impure() {
    let manifests = manifests();
    let mut broken = Vec::new();
    for name in PURE {
        for library in IMPURE_LIBRARIES {
            if dependencies(&manifests[*name], "dependencies").contains(*library) {
                broken.push(format!("{name} is pure and imports {library}"));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn every_file_says_first_what_it_is() {
    let silent = |path: &PathBuf| !fs::read_to_string(path).unwrap().starts_with("//!");
    let broken: Vec<_> =
        sources().into_iter().filter(silent).map(|path| format!("{} does not open with //!", path.display())).collect();
    assert_none(&broken);
}

#[test]
fn files_are_short() {
    let mut broken = Vec::new();
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > LINES_MAX {
            broken.push(format!("{} has {lines} lines, {LINES_MAX} are allowed: cut it by subject", path.display()));
        }
    }
    assert_none(&broken);
}

#[test]
fn no_test_is_ignored() {
    let this = Path::new(file!()).file_name().unwrap();
    let mut broken = Vec::new();
    for path in sources().into_iter().filter(|path| path.file_name() != Some(this)) {
        let text = fs::read_to_string(&path).unwrap();
        if text.contains("#[ignore") {
            broken.push(format!("{} holds an ignored test", path.display()));
        }
    }
    assert_none(&broken);
}

#[test]
fn every_dependency_has_its_line() {
    let documented = fs::read_to_string(root().join("docs/DEPENDENCIES.md")).unwrap();
    let workspace: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let libraries = workspace["workspace"]["dependencies"].as_table().unwrap();
    let missing: Vec<_> = libraries
        .keys()
        .filter(|name| !name.starts_with("tidepool") && !documented.contains(&format!("| {name} |")))
        .map(|name| format!("{name} has no line in docs/DEPENDENCIES.md"))
        .collect();
    assert_none(&missing);
}

#[test]
fn ci_runs_the_test_command_that_the_readme_gives() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    for (name, text) in [("README.md", &readme), (".ci/run", &ci)] {
        assert!(text.contains("cargo test --workspace"), "{name} does not hold `cargo test --workspace`");
    }
    assert!(readme.contains("cargo run -- mesh up"), "README.md does not hold `cargo run -- mesh up`");
}
