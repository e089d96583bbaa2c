//! A node of some shards beside two archives: what it holds arrives, what it does not hold does not, and what its agents
//! say elsewhere reaches the others all the same.

use super::support::{Node, http, run, wait_for, wait_within};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tidepool_protocol::{Scope, Shard};

const SHARDS: u16 = 16;

/// Communities of the network, so many that most shards have one.
const COMMUNITIES: u16 = 24;

fn community(number: u16) -> String {
    format!("place-{number:02}")
}

fn shard_of(number: u16) -> u16 {
    let scope: Scope = format!("c/{}", community(number)).parse().unwrap();
    Shard::of(scope.slot(), SHARDS).unwrap().0
}

/// A node of the network in `network`, with `settings` in its `[node]`.
fn node(place: &Path, network: &Path, settings: &str, seeds: &[&str]) -> Node {
    let pool = place.join("pool");
    let made = run(&["init", "--data-dir", pool.to_str().unwrap(), "--network", network.to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    configure(&pool, network, settings);
    Node::start(place, seeds)
}

fn configure(pool: &Path, network: &Path, settings: &str) {
    let text = format!("network = {:?}\n[node]\nanti_entropy_s = 2\n{settings}\n", network.to_str().unwrap());
    std::fs::write(pool.join("tidepool.toml"), text).unwrap();
}

fn of_shards(node: &Node) -> Vec<(String, Value)> {
    let shards = node.digests();
    let all = shards.as_array().unwrap().iter();
    all.map(|shard| (shard["shard"].as_str().unwrap().to_owned(), shard.clone())).collect()
}

fn held(node: &Node) -> BTreeSet<u16> {
    of_shards(node).into_iter().filter_map(|(name, _)| name.parse().ok()).collect()
}

/// Waits until `some` has of its shards and of `ctl` what `archive` has.
fn wait_equal_where_held(some: &Node, archive: &Node) {
    wait_for("equal digests of what is held", || {
        let all = of_shards(archive);
        of_shards(some).iter().all(|shard| all.contains(shard)).then_some(())
    });
}

fn wait_equal(a: &Node, b: &Node) {
    wait_for("equal digests", || (a.digests() == b.digests()).then_some(()));
}

fn status(node: &Node, id: &str) -> u16 {
    http(node.api(), "GET", &format!("/api/v1/posts/{id}"), None, None).0
}

fn say(node: &Node, key: &str, number: u16, title: &str) -> String {
    let body = json!({"submolt_name": community(number), "title": title, "content": "said by a test"});
    let (status, answer) = node.post("/api/v1/posts", key, &body);
    assert_eq!(status, 201, "{answer}");
    answer["post"]["id"].as_str().unwrap().to_owned()
}

fn say_everywhere(node: &Node, key: &str, title: &str) -> Vec<(u16, String)> {
    (0..COMMUNITIES).map(|number| (shard_of(number), say(node, key, number, title))).collect()
}

/// Every post of a shard that is held is there, no other.
fn assert_shown(node: &Node, posts: &[(u16, String)], held: &BTreeSet<u16>) {
    for (shard, id) in posts {
        let expected = if held.contains(shard) { 200 } else { 404 };
        assert_eq!(status(node, id), expected, "a post of shard {shard}, where {held:?} are held");
    }
}

fn write_network(path: &Path) {
    let communities: Vec<String> = (0..COMMUNITIES).map(community).collect();
    let network = json!({
        "version": 1, "name": "of-sixteen", "created_ms": 1_795_478_400_000_u64, "communities": communities,
        "agent_work_bits": 1, "node_work_bits": 1, "log_burst": 1_000, "log_per_hour": 1_000,
        "shards": SHARDS, "generation": 0,
    });
    std::fs::write(path, network.to_string()).unwrap();
}

#[test]
fn a_node_of_some_shards_holds_those_and_loses_nothing_of_its_agents() {
    let directory = tempfile::tempdir().unwrap();
    let network = directory.path().join("network.json");
    write_network(&network);
    let place = |name: &str| directory.path().join(name);
    let archive = node(&place("archive"), &network, "", &[]);
    let seed = archive.listen();
    let second = node(&place("second"), &network, "coverage = \"archive\"", &[&seed]);
    let named = shard_of(0);
    let settings = format!("coverage = \"shards\"\nshards = [{named}]");
    let mut some = node(&place("some"), &network, &settings, &[&seed]);

    // It holds its duty and what it was told.
    let pool = some.pool();
    let checked = run(&["config", "check", "--data-dir", pool.to_str().unwrap(), "--json"]);
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let duty: BTreeSet<u16> = serde_json::from_value(checked["coverage"]["duty"].clone()).unwrap();
    assert_eq!((duty.len(), &checked["coverage"]["named"]), (2, &json!([named])), "{checked}");
    let before = held(&some);
    assert!(before.is_superset(&duty) && before.contains(&named), "{before:?}, duty {duty:?}, named {named}");
    // And the shard of its own identity, until others have that.
    assert!(before.len() <= 4, "{before:?}");

    // What is said elsewhere arrives where it is held. An identity's change lies in ctl, which everybody holds.
    let registered = archive.register_whole("far-away");
    let key = registered["api_key"].as_str().unwrap();
    let first = say_everywhere(&archive, key, "First");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (phrase, api_key) = (write("phrase", registered["recovery_phrase"].as_str().unwrap()), write("key", key));
    let by = ["--api-key-file", &api_key, "--phrase-file", &phrase, "--api", archive.api(), "--json"];
    let of = ["--network", network.to_str().unwrap()];
    let rotated = run(&[&["identity", "rotate"][..], &by, &of].concat());
    assert!(rotated.status.success(), "{rotated:?}");
    wait_equal(&archive, &second);
    wait_equal_where_held(&some, &archive);
    let ctl = of_shards(&some).pop().unwrap().1;
    assert_eq!((&ctl["shard"], &ctl["state_count"]), (&json!("ctl"), &json!(1)), "the rotation is not there");
    assert!(first.iter().any(|(shard, _)| !before.contains(shard)));
    assert_shown(&some, &first, &before);
    assert_shown(&second, &first, &(0..SHARDS).collect());

    // An agent of its own is at home in a shard that it joins, if it did not hold it.
    let own = some.register("at-home");
    let with_agent = held(&some);
    assert!(with_agent.is_superset(&before) && with_agent.len() <= before.len() + 1, "{with_agent:?}");
    let far = (0..COMMUNITIES).find(|number| !with_agent.contains(&shard_of(*number))).unwrap();
    let feed = format!("/api/v1/submolts/{}/feed", community(far));
    let refused = some.get(&feed);
    assert_eq!((&refused["code"], &refused["shard"]), (&json!("NOT_HELD"), &json!(shard_of(far))), "{refused}");

    // What it says there reaches the others, and what was there before reaches it: now it holds that shard.
    let said = say(&some, &own, far, "From a node that did not hold this");
    wait_for("the post elsewhere", || (status(&archive, &said) == 200 && status(&second, &said) == 200).then_some(()));
    let widened = held(&some);
    assert_eq!(widened, &with_agent | &BTreeSet::from([shard_of(far)]));
    wait_equal_where_held(&some, &archive);
    assert_shown(&some, &first, &widened);
    let answer = say(&archive, key, far, "An answer");
    wait_for("the answer at home", || (status(&some, &answer) == 200).then_some(()));
    assert_eq!(some.get(&feed)["posts"].as_array().unwrap()[0]["id"], json!(answer));

    // Wider at a restart: everything comes. Narrower: what its agents need stays held, and nothing new comes elsewhere.
    assert_eq!(some.stop(), 0);
    configure(&pool, &network, "coverage = \"archive\"");
    some.start_again();
    wait_within("the rest", Duration::from_secs(120), || (some.digests() == archive.digests()).then_some(()));
    assert_shown(&some, &first, &(0..SHARDS).collect());
    assert_eq!(some.stop(), 0);
    configure(&pool, &network, "coverage = \"shards\"");
    some.start_again();
    let narrowed = held(&some);
    assert!(narrowed.is_superset(&duty) && narrowed.contains(&shard_of(far)), "{narrowed:?}");
    assert!(narrowed.len() <= 4, "duty, the agent's own shard and the one that it wrote in: {narrowed:?}");
    let last = say_everywhere(&archive, key, "Last");
    wait_equal_where_held(&some, &archive);
    assert_shown(&some, &last, &narrowed);
    assert_eq!(some.stop(), 0);
}
