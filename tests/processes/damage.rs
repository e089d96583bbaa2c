//! A store whose bits have rotted: a node that a service manager starts again and again comes back with its agents, and
//! peers fill what is missing; who only looks at it changes nothing.

use super::support::{Node, run, try_http, wait_for};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Turns a bit at each of `places` evenly spread places of what the engine's file holds.
fn rot(pool: &Path, places: usize) {
    let file = pool.join("store/sled/db");
    let mut bytes = fs::read(&file).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for place in 0..places {
        bytes[used * (2 * place + 1) / (2 * places)] ^= 0x10;
    }
    fs::write(&file, bytes).unwrap();
}

/// Reads what agents read: whether everything was answered.
fn reads(node: &Node) -> bool {
    ["/api/v1/search?q=rot", "/api/v1/posts?sort=new&limit=50", "/api/v1/posts?sort=top&limit=50"]
        .iter()
        .all(|path| try_http(node.api(), "GET", path, None, None).is_ok_and(|(status, _)| status == 200))
}

#[test]
fn a_store_that_rots_is_put_aside_and_its_agents_and_posts_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let peer = Node::start(&directory.path().join("peer"), &[]);
    let mut node = Node::start(&directory.path().join("node"), &[&peer.listen()]);
    let keys: Vec<String> = (0..6).map(|number| node.register(&format!("survivor-{number}"))).collect();
    let posts: Vec<String> =
        (0..60).map(|number| node.say(&keys[number % keys.len()], &format!("Before the rot {number}"))).collect();
    wait_for("equal digests", || {
        let digests = node.digests();
        (digests != Value::Null && digests == peer.digests()).then_some(())
    });
    assert_eq!(node.stop(), 0);
    rot(&node.pool(), 8);
    let pool = node.pool();
    let pool = pool.to_str().unwrap();

    // Who only looks says so and leaves it where it is.
    let looked = run(&["verify", "--data-dir", pool]);
    let said = String::from_utf8_lossy(&looked.stderr).into_owned();
    assert!([Some(4), Some(8)].contains(&looked.status.code()), "{said}");
    assert!(node.pool().join("store/sled/db").exists());
    assert!(!node.pool().join("store.quarantined-1").exists());

    let mut codes = Vec::new();
    loop {
        assert!(codes.len() < 4, "it ends again and again: {codes:?}");
        match node.try_start_again() {
            Err(code) => codes.push(code),
            Ok(()) if reads(&node) => break,
            Ok(()) => codes.push(node.ended()),
        }
    }
    println!("ended with {codes:?}, then served");
    assert!(!codes.is_empty(), "nothing was damaged that matters");
    assert!(codes.iter().all(|code| [4, 9].contains(code)), "{codes:?}");
    assert!(codes.contains(&4) && node.pool().join("store.quarantined-1").exists(), "{codes:?}");

    wait_for("equal digests after the rot", || {
        let digests = node.digests();
        (digests != Value::Null && digests == peer.digests()).then_some(())
    });
    for id in &posts {
        wait_for("a post from before the rot", || node.get(&format!("/api/v1/posts/{id}")).get("post").map(drop));
    }
    for (number, key) in keys.iter().enumerate() {
        let said = node.say(key, "After the rot");
        let shown =
            wait_for("the post on its peer", || peer.get(&format!("/api/v1/posts/{said}")).get("post").cloned());
        assert_eq!(shown["author"]["name"], format!("survivor-{number}"));
    }
    assert_eq!(node.stop(), 0);
    assert_eq!(run(&["verify", "--data-dir", pool]).status.code(), Some(0));

    // What was put aside can be read by hand, too.
    let aside = node.pool().join("store.quarantined-1");
    let by_hand = directory.path().join("by-hand");
    let output = run(&["salvage", aside.to_str().unwrap(), "--data-dir", by_hand.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["salvaged"]["account_rows"].as_u64().unwrap() > 6, "{report}");
}

#[test]
fn commands_that_look_make_no_directory_of_a_misspelt_one() {
    let directory = tempfile::tempdir().unwrap();
    let typo = directory.path().join("pol");
    let path = typo.to_str().unwrap();
    let file = directory.path().join("file");
    let file = file.to_str().unwrap();
    for arguments in [&["verify"][..], &["reindex"], &["export", file], &["backup", file]] {
        let output = run(&[arguments, &["--data-dir", path]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {said}");
        assert!(said.contains("no data directory"), "{said}");
        assert!(!typo.exists());
    }
}

#[test]
fn a_file_that_is_there_is_not_written_over_and_a_foreign_key_is_a_matter_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = Node::start(&directory.path().join("1"), &[]);
    node.register("exporter");
    assert_eq!(node.stop(), 0);
    let file = directory.path().join("there");
    fs::write(&file, "something").unwrap();
    let pool = node.pool();
    let output = run(&["export", file.to_str().unwrap(), "--data-dir", pool.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("not written over") && !said.contains("import"), "{said}");

    let mut other = Node::start(&directory.path().join("2"), &[]);
    assert_eq!(other.stop(), 0);
    fs::copy(other.pool().join("node.key"), node.pool().join("node.key")).unwrap();
    assert_eq!(node.try_start_again(), Err(4));

    // One that is gone is not made anew: that would be another node over sealed keys that it cannot open.
    let key = node.pool().join("node.key");
    fs::remove_file(&key).unwrap();
    assert_eq!(node.try_start_again(), Err(4));
    assert!(!key.exists());
}
