//! What an operator does with a store: verify, reindex, export, import. Digests and answers stay as they were.

use super::support::{Node, run, wait_for};
use serde_json::Value;

fn done(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?} printed no JSON ({error}): {text}"))
}

#[test]
fn a_store_is_verified_folded_again_and_carried_to_another_directory() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = Node::start(&directory.path().join("1"), &[]);
    let key = node.register("archivist");
    for number in 0..30 {
        node.say(&key, &format!("Entry {number}"));
    }
    // What is shown of a shard must be there before it can be compared.
    let digests = wait_for("digests", || Some(node.digests()).filter(|shards| shards[0] != Value::Null));
    let feed = node.get("/api/v1/posts?sort=hot&limit=50")["posts"].clone();
    assert_eq!(feed.as_array().unwrap().len(), 30);
    assert_eq!(node.stop(), 0);
    let pool = node.pool();
    let pool = pool.to_str().unwrap();

    let report = done(&["verify", "--data-dir", pool, "--json"]);
    assert_eq!(report["fault_count"], 0);
    assert!(report["envelopes"].as_u64().unwrap() >= 32, "{report}");

    done(&["reindex", "--data-dir", pool, "--json"]);
    node.start_again();
    assert_eq!(node.digests(), digests, "digests changed by a fold from the start");
    assert_eq!(node.get("/api/v1/posts?sort=hot&limit=50")["posts"], feed, "a feed changed by a fold from the start");
    assert_eq!(node.stop(), 0);

    let file = directory.path().join("export.tide");
    let file = file.to_str().unwrap();
    let exported = done(&["export", file, "--with-accounts", "--data-dir", pool, "--json"]);
    let other = directory.path().join("2");
    let new_pool = other.join("pool");
    std::fs::create_dir_all(&new_pool).unwrap();
    let imported = done(&["import-store", file, "--data-dir", new_pool.to_str().unwrap(), "--json"]);
    assert_eq!(exported["exported"], imported["imported"]);
    std::fs::copy(node.pool().join("node.key"), new_pool.join("node.key")).unwrap();
    let copy = Node::start(&other, &[]);
    assert_eq!(copy.digests(), digests);
    let said = copy.say(&key, "The key still opens the door");
    assert_eq!(copy.get(&format!("/api/v1/posts/{said}"))["post"]["author"]["name"], "archivist");
}
