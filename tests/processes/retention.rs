//! A node that keeps texts for some days only: `tidepool prune` says what goes and takes it away; ids stay, so its digests
//! stay equal to an archive's.

use super::stranger::{Author, now, topic};
use super::support::{Node, http, run, wait_for};
use serde_json::Value;
use std::path::Path;
use tidepool_kernel::{Custody, Effect, GossipId, Input, Node as Kernel, NodeSettings, Outbox, Store};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{
    Bundle, Envelope, NetworkGenesis, NodeId, PublicKey, SecretKey, Signature, Signer, TimeMs, verify,
};
use tidepool_store::{OpenSettings, SledStore};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

struct NoKeys;

impl Custody for NoKeys {
    fn sign(&self, _key: &PublicKey, _domain: Domain, _message: &[u8]) -> Option<Signature> {
        None
    }
}

/// Lets a kernel over the store in `pool` hear `frame` by gossip at `at`, as it did days ago.
fn hear(kernel: &mut Kernel<SledStore, NoKeys>, number: u64, frame: &Bundle, at: TimeMs) {
    let from = SecretKey::from_seed([5; 32]).public_key();
    let mut inputs = vec![Input::Gossip { id: GossipId(number), from, topic: topic(), frame: frame.encode() }];
    while let Some(input) = inputs.pop() {
        let mut outbox = Outbox::default();
        kernel.step(input, at, &mut outbox);
        kernel.step(Input::TurnEnded, at, &mut outbox);
        for effect in outbox.0 {
            match effect {
                Effect::Verify { ticket, envelopes } => {
                    let check = |bytes| Ok(verify(Envelope::decode(bytes)?)?);
                    let results = envelopes.into_iter().map(check).collect();
                    inputs.push(Input::Verified { ticket, results });
                }
                Effect::Flush => inputs.push(Input::Durable { upto: kernel.store().flusher()().unwrap() }),
                Effect::Halt { error } => panic!("{error}"),
                _ => {}
            }
        }
    }
}

/// Posts of a foreign agent, one a day for `days` days up to now, in the store of `pool`; the oldest first.
fn old_posts(pool: &Path, days: u64) -> Vec<(TimeMs, String)> {
    let genesis = NetworkGenesis::development();
    let store = SledStore::open(&pool.join("store"), &OpenSettings::new(genesis.id())).unwrap();
    let key = SecretKey::from_seed([6; 32]);
    let settings = NodeSettings::archive(genesis, NodeId([9; 32]), key.public_key());
    let mut kernel = Kernel::new(store, NoKeys, settings);
    // Identities come first and are as old as what is said; within one week, so that one log holds all.
    let first = TimeMs(now().0 - (days - 1) * DAY_MS - 1_000);
    kernel.step(Input::Started, first, &mut Outbox::default());
    let mut author = Author::began("said-long-ago", &key, first);
    let mut posts = Vec::new();
    for day in 0..days {
        let at = TimeMs(first.0 + day * DAY_MS);
        if at.week() != first.week() && day > 0 {
            author.next_week();
        }
        let post = author.post(&format!("Day {day}"), at);
        let identities = author.chain.iter().map(|operation| operation.bytes().clone()).collect();
        let frame = Bundle { envelopes: vec![post.bytes().clone()], identities };
        hear(&mut kernel, day + 1, &frame, at);
        posts.push((at, post.id().to_string()));
    }
    kernel.into_store().close().unwrap();
    posts
}

fn done(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap()
}

fn status(node: &Node, id: &str) -> u16 {
    http(node.api(), "GET", &format!("/api/v1/posts/{id}"), None, None).0
}

#[test]
fn texts_behind_the_horizon_go_and_the_digests_stay_those_of_an_archive() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("pruned");
    let pool = place.join("pool");
    let path = pool.to_str().unwrap();
    done(&["init", "--data-dir", path, "--json"]);
    let posts = old_posts(&pool, 6);
    let mut archive = Node::start(&directory.path().join("archive"), &[]);
    let mut node = Node::start(&place, &[&archive.listen()]);
    wait_for("equal digests", || (node.digests() == archive.digests() && node.digests() != Value::Null).then_some(()));
    assert!(posts.iter().all(|(_, id)| status(&archive, id) == 200), "the archive did not get what is old");
    let digests = archive.digests();

    // Of a running node it is said what would go: of an archive nothing.
    let plan = done(&["prune", "--dry-run", "--data-dir", path, "--json"]);
    assert_eq!((&plan["envelopes"], &plan["dry_run"]), (&Value::from(0), &Value::from(true)), "{plan}");
    assert_eq!(node.stop(), 0);

    // With a policy the same command says what goes, twice the same, and changes nothing.
    std::fs::write(pool.join("tidepool.toml"), "[store]\nkeep_days = 2\n").unwrap();
    let horizon = (now().0 / DAY_MS - 2) * DAY_MS;
    let old: Vec<_> = posts.iter().filter(|(at, _)| at.0 < horizon).collect();
    assert!(old.len() >= 3, "{posts:?}");
    let plan = done(&["prune", "--dry-run", "--data-dir", path, "--json"]);
    assert_eq!(plan["envelopes"], old.len(), "{plan}");
    assert_eq!(plan, done(&["prune", "--dry-run", "--data-dir", path, "--json"]));
    let pruned = done(&["prune", "--data-dir", path, "--json"]);
    assert_eq!((&pruned["envelopes"], &pruned["bytes"]), (&plan["envelopes"], &plan["bytes"]));
    assert_eq!(done(&["prune", "--dry-run", "--data-dir", path, "--json"])["envelopes"], 0);
    assert_eq!(done(&["verify", "--data-dir", path, "--json"])["fault_count"], 0);

    // It serves what it kept, and is as equal to the archive as before: nothing comes back.
    node.start_again();
    for (at, id) in &posts {
        let expected = if at.0 < horizon { 404 } else { 200 };
        assert_eq!(status(&node, id), expected, "{at:?}");
        assert_eq!(status(&archive, id), 200);
    }
    let key = archive.register("speaks-today");
    let said = archive.say(&key, "Today");
    wait_for("a new post", || (status(&node, &said) == 200).then_some(()));
    wait_for("equal digests", || (node.digests() == archive.digests()).then_some(()));
    assert_ne!(archive.digests(), digests);
    assert_eq!(status(&node, &old[0].1), 404, "what was pruned came back");
    let refused = run(&["prune", "--data-dir", path]);
    assert_eq!(refused.status.code(), Some(5), "a running node is pruned from outside");
    assert_eq!(archive.stop(), 0);
}
