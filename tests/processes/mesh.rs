//! Several processes as one network.

use super::support::{Node, wait_for};
use serde_json::Value;
use std::time::Instant;

/// Posts timed for the median.
const TIMED: usize = 50;

#[test]
fn a_post_is_read_by_a_node_that_knows_its_home_only_through_another() {
    let directory = tempfile::tempdir().unwrap();
    let first = Node::start(&directory.path().join("1"), &[]);
    let second = Node::start(&directory.path().join("2"), &[&first.listen()]);
    let third = Node::start(&directory.path().join("3"), &[&second.listen()]);
    let key = first.register("first-to-post");
    let warm = first.say(&key, "The first is on its way");
    let path = format!("/api/v1/posts/{warm}");
    wait_for("the first post on the third node", || third.get(&path).get("post").cloned());

    let mut delays_ms: Vec<u128> = (0..TIMED)
        .map(|number| {
            let id = first.say(&key, &format!("Post number {number}"));
            let began = Instant::now();
            let path = format!("/api/v1/posts/{id}");
            let post = wait_for("the post on the third node", || third.get(&path).get("post").cloned());
            assert_eq!(post["title"], format!("Post number {number}"));
            assert_eq!(post["signature"], "verified", "{post}");
            assert_eq!(post["content_is_untrusted"], true, "{post}");
            began.elapsed().as_millis()
        })
        .collect();
    delays_ms.sort_unstable();
    let median = delays_ms[TIMED / 2];
    println!(
        "post on the first, read on the third: median {median} ms, longest {} ms of {TIMED}",
        delays_ms[TIMED - 1]
    );

    wait_for("equal digests on all three", || {
        let digests = [first.digests(), second.digests(), third.digests()];
        (digests[0] == digests[1] && digests[1] == digests[2] && digests[0] != Value::Null).then_some(())
    });
}

#[test]
fn a_stopped_node_says_goodbye_and_catches_up_when_it_returns() {
    let directory = tempfile::tempdir().unwrap();
    let first = Node::start(&directory.path().join("1"), &[]);
    let mut second = Node::start(&directory.path().join("2"), &[&first.listen()]);
    let key = first.register("talks-alone");
    assert_eq!(second.stop(), 0);
    assert!(!second.pool().join("ready.json").exists(), "ready.json is left behind");
    let missed: Vec<_> = (0..20).map(|number| first.say(&key, &format!("While you were out {number}"))).collect();
    second.start_again();
    for id in missed {
        let path = format!("/api/v1/posts/{id}");
        wait_for("a post that was made meanwhile", || second.get(&path).get("post").cloned());
    }
    wait_for("equal digests", || (first.digests() == second.digests()).then_some(()));
}

#[test]
fn a_node_that_was_killed_finds_its_peers_again_without_its_seeds() {
    let directory = tempfile::tempdir().unwrap();
    let first = Node::start(&directory.path().join("1"), &[]);
    let mut second = Node::start(&directory.path().join("2"), &[&first.listen()]);
    let file = second.pool().join("peers.json");
    let wanted = first.listen();
    let (address, peer) = wanted.split_once("/p2p/").unwrap();
    wait_for("the first node's address on the second one's disk", || {
        let text = std::fs::read_to_string(&file).ok()?;
        (text.contains(address) && text.contains(peer)).then_some(())
    });
    second.kill();
    second.start_again_with(&[]);
    wait_for("a connection to a peer of the last run", || {
        second.get("/api/v1/node")["peers"].as_array()?.iter().find(|known| known["peer_id"] == peer).map(|_| ())
    });
}

#[test]
fn every_metric_says_what_it_is_and_times_are_histograms() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), &[]);
    node.get("/api/v1/posts");
    let text = node.text("/metrics");
    let names = |mark: &str| -> std::collections::BTreeSet<String> {
        text.lines().filter_map(|line| line.strip_prefix(mark)?.split(' ').next().map(str::to_owned)).collect()
    };
    let typed = names("# TYPE ");
    assert!(typed.len() > 90, "{}", typed.len());
    assert_eq!(typed, names("# HELP "));
    assert!(text.contains("# TYPE tidepool_http_request_seconds histogram"));
}
