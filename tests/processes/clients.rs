//! Clients that none of us wrote, against two nodes.

use super::support::{Node, python};
use std::path::Path;
use std::process::Command;

#[test]
fn moltkit_writes_on_one_node_and_reads_the_same_on_another() {
    let python = python();
    let directory = tempfile::tempdir().unwrap();
    let first = Node::start(&directory.path().join("1"), &[]);
    let second = Node::start(&directory.path().join("2"), &[&first.listen()]);
    run(&python, "moltkit_client.py", &[first.api(), second.api()]);
}

#[test]
fn a_new_agent_answers_challenges_and_shows_a_token_that_anybody_checks() {
    let python = python();
    let directory = tempfile::tempdir().unwrap();
    let node = challenging(&directory.path().join("1"));
    run(&python, "newcomer_client.py", &[node.api()]);
}

#[test]
fn a_client_with_strict_types_parses_every_answer() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/moltbook");
    // Beside our own build results, so that a second run builds nothing.
    let target = Path::new(env!("CARGO_BIN_EXE_tidepool")).parent().unwrap().join("moltbook-client");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--locked", "--quiet", "--manifest-path"]).arg(package.join("Cargo.toml"));
    // Without what cargo tells a test of the build that it is in.
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PKG_"));
    ours.for_each(|(name, _)| {
        build.env_remove(name);
    });
    let built = build.env("CARGO_TARGET_DIR", &target).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let directory = tempfile::tempdir().unwrap();
    let first = Node::start(&directory.path().join("1"), &[]);
    let second = Node::start(&directory.path().join("2"), &[&first.listen()]);
    let third = challenging(&directory.path().join("3"));
    let mut client = Command::new(target.join("debug/moltbook-client-test"));
    let output = client.args([first.api(), second.api(), third.api()]).output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}");
    println!("{printed}");
}

/// A node that asks new agents for an answer before it publishes what they write.
fn challenging(place: &Path) -> Node {
    std::fs::create_dir_all(place.join("pool")).unwrap();
    std::fs::write(place.join("pool/tidepool.toml"), "[home]\nchallenge_new_agents_h = 24\n").unwrap();
    Node::start(place, &[])
}

fn run(python: &Path, script: &str, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients").join(script);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}");
    println!("{printed}");
}
