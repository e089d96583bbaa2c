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
    let place = directory.path().join("1");
    std::fs::create_dir_all(place.join("pool")).unwrap();
    std::fs::write(place.join("pool/tidepool.toml"), "[home]\nchallenge_new_agents_h = 24\n").unwrap();
    let node = Node::start(&place, &[]);
    run(&python, "newcomer_client.py", &[node.api()]);
}

fn run(python: &Path, script: &str, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients").join(script);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}");
    println!("{printed}");
}
