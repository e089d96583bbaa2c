//! Each way in which a data directory can be unusable, with what its operator is told.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

const NETWORK: NetworkId = NetworkId([1; 8]);

fn refused(path: &Path, network: NetworkId) -> String {
    DataDir::open(path, network, "test").unwrap_err().to_string()
}

#[test]
fn a_second_node_on_one_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pool");
    let held = DataDir::open(&path, NETWORK, "test").unwrap();
    assert!(refused(&path, NETWORK).contains("locked by another node"));
    drop(held);
    DataDir::open(&path, NETWORK, "test").unwrap();
}

#[test]
fn a_directory_of_another_network_is_refused_by_both_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pool");
    drop(DataDir::open(&path, NETWORK, "first").unwrap());
    let message = refused(&path, NetworkId([2; 8]));
    assert!(message.contains("first") && message.contains("0202020202020202"), "{message}");
}

#[test]
fn a_directory_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pool");
    drop(DataDir::open(&path, NETWORK, "test").unwrap());
    fs::write(path.join("tidepool.json"), r#"{"layout":99,"something":"new"}"#).unwrap();
    assert!(refused(&path, NETWORK).contains("layout 99"));
}

#[test]
fn a_damaged_label_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pool");
    drop(DataDir::open(&path, NETWORK, "test").unwrap());
    fs::write(path.join("tidepool.json"), "{").unwrap();
    assert!(refused(&path, NETWORK).contains("damaged"));
}

#[test]
fn a_directory_full_of_something_else_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.tex"), "x").unwrap();
    assert!(refused(directory.path(), NETWORK).contains("not empty"));
}

#[test]
fn ready_is_gone_after_a_start_that_follows_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pool");
    let ready =
        Ready { api: "http://127.0.0.1:1".into(), peer_id: "12D3".into(), listen: vec![], pid: 1, version: "0".into() };
    let held = DataDir::open(&path, NETWORK, "test").unwrap();
    held.write_ready(&ready).unwrap();
    assert_eq!(read_ready(&path).unwrap(), ready);
    drop(held);
    drop(DataDir::open(&path, NETWORK, "test").unwrap());
    assert!(read_ready(&path).is_err());
}
