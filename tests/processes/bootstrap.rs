//! An empty node joins one that holds much, is killed on the way again and again, goes on where it was, and ends equal.

use super::support::{Node, wait_within};
use std::time::{Duration, Instant};

#[path = "../workload/crowd.rs"]
mod crowd;
#[path = "../workload/pool.rs"]
mod pool;

/// Kills on the way.
const KILLS: u64 = 5;

/// What the server holds; `TIDEPOOL_BOOTSTRAP=200000` for the full exercise.
fn count() -> u64 {
    std::env::var("TIDEPOOL_BOOTSTRAP").ok().and_then(|text| text.parse().ok()).unwrap_or(6_000)
}

/// How many envelopes a node shows.
fn held(node: &Node) -> u64 {
    let shards = node.digests();
    let of = |shard: &serde_json::Value| {
        shard["state_count"].as_u64().unwrap_or(0) + shard["content_count"].as_u64().unwrap_or(0)
    };
    shards.as_array().map_or(0, |shards| shards.iter().map(of).sum())
}

/// One counter of a node's since it started, of the line that holds all of `parts`.
fn counted(metrics: &str, parts: &[&str]) -> f64 {
    let line = metrics.lines().find(|line| parts.iter().all(|part| line.contains(part)) && !line.starts_with('#'));
    line.and_then(|line| line.rsplit(' ').next()).and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

#[test]
fn a_node_that_is_killed_while_it_joins_goes_on_and_ends_equal() {
    let count = count();
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = ["1", "2"].map(|name| directory.path().join(name));
    std::fs::create_dir_all(&first).unwrap();
    let envelopes = crowd::envelopes(usize::try_from(count).unwrap(), 1, super::stranger::now());
    let raw: usize = envelopes.iter().map(|envelope| envelope.bytes().len()).sum();
    pool::fill(&first.join("pool"), &envelopes);
    // What is folded and synced takes its time, however busy the machine is.
    let patience = Duration::from_secs(60 + count / 100);
    let server = Node::start_within(&first, &[], patience);
    let mut client = Node::start(&second, &[&server.listen()]);
    let wait_for = |client: &Node, at_least: Option<u64>, life: &str| {
        let deadline = Instant::now() + patience;
        loop {
            let held = held(client);
            let reached = match at_least {
                Some(count) => held >= count,
                None => held >= count && client.digests() == server.digests(),
            };
            if reached {
                println!("{life}: {held} envelopes held");
                return held;
            }
            assert!(Instant::now() < deadline, "{held} of {count} envelopes after {patience:?}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    };
    let mut kept = 0;
    for kill in 1..=KILLS {
        let before = wait_for(&client, Some(count * kill / (KILLS + 1)), &format!("life {kill}"));
        client.kill();
        let began = Instant::now();
        client.start_again();
        kept = held(&client);
        println!("  killed with {before}, {kept} are there again after {} ms", began.elapsed().as_millis());
    }
    wait_for(&client, None, "the last life");
    assert!(kept > 0, "what was written before a kill is there after it");
    // What was brought before a kill is not brought again, but for a few pages: counters are shown with some delay.
    let (brought, bytes_in) = wait_within("the counters of the last life", patience, || {
        let metrics = client.text("/metrics");
        let brought = counted(&metrics, &["tidepool_envelopes_admitted_total", "origin=\"sync\""]);
        let bytes_in = counted(&metrics, &["tidepool_sync_bytes_in_total"]);
        (brought > 0.0 && brought + kept as f64 >= count as f64).then_some((brought, bytes_in))
    });
    println!("{kept} were there at its start, {brought} came in it with {bytes_in:.0} bytes; all envelopes have {raw}");
    assert!(bytes_in < raw as f64 * 0.9 + 3.0 * 1_048_576.0, "{bytes_in} bytes came again");
}
