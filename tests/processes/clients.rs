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
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/moltkit_client.py");
    let output = Command::new(python).arg(script).args([first.api(), second.api()]).output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}");
    println!("{printed}");
}
