//! Logs of agents whose home is copied: a backup that is restored goes on without a fork; two copies that run both fork,
//! everywhere alike, until a `keep` names what stands.

use super::stranger::Stranger;
use super::support::{Node, run, wait_for};
use serde_json::Value;
use std::path::Path;
use tidepool_protocol::SecretKey;

fn done(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?} printed no JSON ({error}): {text}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn is_shown(node: &Node, id: &str) -> bool {
    node.get(&format!("/api/v1/posts/{id}")).get("post").is_some()
}

fn wait_shown(what: &str, node: &Node, ids: &[String]) {
    for id in ids {
        wait_for(&format!("{what}: {id}"), || is_shown(node, id).then_some(()));
    }
}

fn posts(node: &Node, key: &str, what: &str) -> Vec<String> {
    (0..5).map(|number| node.say(key, &format!("{what} {number}"))).collect()
}

fn wait_equal(nodes: &[&Node]) {
    wait_for("equal digests", || {
        let first = nodes[0].digests();
        (first != Value::Null && nodes.iter().all(|node| node.digests() == first)).then_some(())
    });
}

#[test]
fn a_backup_that_is_restored_elsewhere_goes_on_without_a_fork() {
    let directory = tempfile::tempdir().unwrap();
    let mut peer = Node::start(&directory.path().join("peer"), &[]);
    let mut original = Node::start(&directory.path().join("original"), &[&peer.listen()]);
    let key = original.register("backed-up");
    let before = posts(&original, &key, "Before the backup");

    // Of a running node, by its own hands; into a directory, under a name of its own.
    let made = done(&["backup", text(directory.path()), "--data-dir", text(&original.pool()), "--json"]);
    let file = made["file"].as_str().unwrap().to_owned();
    assert!(made["envelopes"].as_u64().unwrap() >= 6, "{made}");
    assert_mode(Path::new(&file), 0o600);

    let after = posts(&original, &key, "After the backup");
    wait_shown("the original's posts on its peer", &peer, &after);
    let cursor = original.get("/api/v1/node")["log"]["head"].as_u64().unwrap();
    original.kill();
    assert_eq!(peer.stop(), 0);

    // The copy is alone with what the backup held, and goes on where the original did.
    let elsewhere = directory.path().join("restored");
    let pool = elsewhere.join("pool");
    let restored = done(&["restore", &file, "--data-dir", text(&pool), "--json"]);
    assert_eq!(restored["envelopes"], made["envelopes"]);
    assert_eq!(restored["account_rows"], made["account_rows"]);
    assert_mode(&pool.join("node.key"), 0o600);
    let mut copy = Node::start(&elsewhere, &[]);
    assert!(before.iter().all(|id| is_shown(&copy, id)));
    assert!(!after.iter().any(|id| is_shown(&copy, id)), "the backup holds what came after it");
    assert!(copy.get("/api/v1/node")["log"]["head"].as_u64().unwrap() < cursor);
    let alone = posts(&copy, &key, "Of the copy, alone");

    // Now it meets what the original said after the backup.
    peer.start_again();
    assert_eq!(copy.stop(), 0);
    let copy = Node::start(&elsewhere, &[&peer.listen()]);
    wait_equal(&[&copy, &peer]);
    let again = posts(&copy, &key, "Of the copy, among others");
    for node in [&copy, &peer] {
        for ids in [&before, &after, &alone, &again] {
            wait_shown("every post of both lives", node, ids);
        }
    }
    wait_equal(&[&copy, &peer]);

    // Nothing is restored over anything, and of a stopped node a backup is made from its files.
    let refused = run(&["restore", &file, "--data-dir", text(&pool)]);
    assert_eq!(refused.status.code(), Some(4), "{}", String::from_utf8_lossy(&refused.stderr));
    // Of a damaged backup nothing is left, neither keys nor half a store.
    let damaged = directory.path().join("damaged.backup");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() * 9 / 10;
    bytes[at] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let (new, empty) = (directory.path().join("new"), directory.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    for place in [&new, &empty] {
        let failed = run(&["restore", text(&damaged), "--data-dir", text(place)]);
        assert_eq!(failed.status.code(), Some(1), "{}", String::from_utf8_lossy(&failed.stderr));
    }
    assert!(!new.exists(), "a directory that was not there before");
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0, "a directory that was there and empty");
    assert_eq!(peer.stop(), 0);
    let of_stopped = directory.path().join("peer.backup");
    let made = done(&["backup", text(&of_stopped), "--data-dir", text(&peer.pool()), "--json"]);
    assert!(made["envelopes"].as_u64().unwrap() >= 21, "{made}");
}

fn assert_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
}

/// A gauge of a node.
fn gauge(node: &Node, name: &str) -> Option<u64> {
    let text = node.text("/metrics");
    let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn what_was_said_alone_is_offered_after_kill_9_until_a_peer_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = Node::start(&directory.path().join("alone"), &[]);
    let key = node.register("says-it-alone");
    let said = posts(&node, &key, "To nobody");
    node.kill();
    node.start_again();
    wait_for("the outbox as it was", || gauge(&node, "tidepool_outbox").filter(|waiting| *waiting >= 5));
    // A peer that answers nothing and asks for nothing: only gossip can bring it anything.
    let mut stranger = Stranger::join(&node.listen(), &SecretKey::from_seed([77; 32]));
    stranger.hear(&said);
    wait_for("an empty outbox", || gauge(&node, "tidepool_outbox").filter(|waiting| *waiting == 0));
    // The rows are gone, too: another life has nothing to offer.
    assert_eq!(node.stop(), 0);
    node.start_again();
    wait_for("an outbox that stays empty", || gauge(&node, "tidepool_outbox").filter(|waiting| *waiting == 0));
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What a node says of the agent's log in `general`.
fn general(node: &Node, agent: &str) -> Value {
    node.get(&format!("/api/v1/agents/{agent}/logs?scope=c/general"))["logs"].clone()
}

#[test]
fn two_copies_that_run_at_one_time_fork_alike_everywhere_and_a_keep_names_the_branch() {
    let directory = tempfile::tempdir().unwrap();
    let one = Node::start(&directory.path().join("one"), &[]);
    let mut two = Node::start(&directory.path().join("two"), &[]);
    let mut left = Node::start(&directory.path().join("left"), &[&one.listen()]);
    let registered = left.register_whole("in-two-places");
    let (key, agent) = (registered["api_key"].as_str().unwrap(), registered["id"].as_str().unwrap());
    let before = posts(&left, key, "Before the copy");
    wait_equal(&[&left, &one]);
    assert_eq!(left.stop(), 0);
    copy_all(&left.pool(), &directory.path().join("right/pool"));
    // The peers that the original kept would tell the copy how far its logs have gone, and it would open new ones.
    std::fs::remove_file(directory.path().join("right/pool/peers.json")).unwrap();

    // One key in two processes, neither of which can know of the other.
    left.start_again();
    let right = Node::start(&directory.path().join("right"), &[&two.listen()]);
    let left_posts = posts(&left, key, "On the left");
    let right_posts: Vec<String> = (0..3).map(|number| right.say(key, &format!("On the right {number}"))).collect();
    wait_shown("the left branch on its peer", &one, &left_posts);
    wait_shown("the right branch on its peer", &two, &right_posts);

    assert_eq!(two.stop(), 0);
    two.start_again_with(&[&one.listen()]);
    let all = [&one, &two, &left, &right];
    wait_equal(&all);
    let seen = general(&one, agent);
    let log = &seen[0];
    assert_eq!(log["forks"][0]["seq"], 5, "{seen}");
    assert_eq!(log["branches"].as_array().unwrap().len(), 2, "{seen}");
    for node in all {
        assert_eq!(general(node, agent), seen, "two nodes that hold the same see a fork differently");
        assert!(before.iter().all(|id| is_shown(node, id)), "a fork voids what stands before it");
        assert!(!left_posts.iter().chain(&right_posts).any(|id| is_shown(node, id)), "a branch of a fork is shown");
    }

    // Both homes raise an alarm, and say why such a post is not shown; other nodes have no alarm to raise.
    for node in [&left, &right] {
        wait_for("the alarm", || gauge(node, "tidepool_home_forks_total").filter(|forks| *forks > 0));
    }
    let said = std::fs::read_to_string(directory.path().join("left/log")).unwrap();
    assert!(said.contains("signed two envelopes at one place of its log"), "the fork is not in the log");
    assert_eq!(gauge(&one, "tidepool_home_forks_total"), Some(0));
    let void = one.get(&format!("/api/v1/posts/{}", left_posts[0]));
    assert_eq!(void["code"], "VOID", "{void}");

    // Whoever goes on does so in a new log behind what stands, so it is not void.
    let beyond = left.say(key, "Beyond the fork");
    for node in all {
        wait_shown("a post behind the fork", node, std::slice::from_ref(&beyond));
    }

    // The pair is a proof that needs no node.
    let file = directory.path().join("fork.warrant");
    done(&["warrant", "export", &left_posts[0], text(&file), "--api", two.api(), "--json"]);
    let proof = done(&["warrant", "check", text(&file), "--json"]);
    assert_eq!(proof["ids"], log["forks"][0]["ids"], "{proof}");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() - 100;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(run(&["warrant", "check", text(&file)]).status.code(), Some(8));
    let alone = run(&["warrant", "export", &before[0], text(&file), "--api", two.api()]);
    assert_eq!(alone.status.code(), Some(1), "a warrant of an envelope that stands alone at its place");

    // The owner says which branch stands, at the agent's home, with the recovery phrase.
    let phrase = directory.path().join("phrase");
    std::fs::write(&phrase, registered["recovery_phrase"].as_str().unwrap()).unwrap();
    let head = right_posts.last().unwrap();
    let said = run(&["identity", "keep", "--head", head, "--phrase-file", text(&phrase), "--api", left.api()]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("signed in c/general this stands now, on every node: places 0 to"), "{said}");
    assert!(said.contains(head), "{said}");
    for node in all {
        wait_shown("the kept branch", node, &right_posts);
        wait_shown("what stood before", node, &before);
        wait_shown("what was written behind the fork", node, std::slice::from_ref(&beyond));
        assert!(!left_posts.iter().any(|id| is_shown(node, id)), "the other branch is shown");
    }
    wait_equal(&all);
}

#[test]
fn an_owner_replaces_a_signing_key_and_nothing_that_stood_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let home = Node::start(&directory.path().join("home"), &[]);
    let other = Node::start(&directory.path().join("other"), &[&home.listen()]);
    let registered = home.register_whole("gets-a-new-key");
    let (key, agent) = (registered["api_key"].as_str().unwrap(), registered["id"].as_str().unwrap());
    let before = posts(&home, key, "By the first key");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let phrase = write("phrase", registered["recovery_phrase"].as_str().unwrap());
    let api_key = write("key", key);
    let keys = |node: &Node| node.get(&format!("/api/v1/agents/{agent}/logs"))["identity"]["signing"].clone();
    let first = keys(&home);
    let by = ["--phrase-file", &phrase, "--api", home.api(), "--json"];
    done(&[&["identity", "rotate", "--api-key-file", &api_key][..], &by].concat());
    assert_ne!(keys(&home), first);
    let after = posts(&home, key, "By the second key");
    for node in [&home, &other] {
        wait_for("the new key", || (keys(node) == keys(&home)).then_some(()));
        wait_shown("what the first key signed and the second", node, &[before.clone(), after.clone()].concat());
    }
    wait_equal(&[&home, &other]);

    // A key that is revoked signs no more, and nothing stands of it that no keep names.
    let second = keys(&home)[0].as_str().unwrap().to_owned();
    done(&[&["identity", "revoke", agent, "--key", &second][..], &by].concat());
    for node in [&home, &other] {
        wait_for("posts of a closed key to go", || (!after.iter().any(|id| is_shown(node, id))).then_some(()));
        assert!(before.iter().all(|id| is_shown(node, id)));
    }
    done(&[&["identity", "keep", "--head", &after[2]][..], &by].concat());
    for node in [&home, &other] {
        wait_shown("what the keep names", node, &after[..3]);
        assert!(!after[3..].iter().any(|id| is_shown(node, id)));
    }
    let body = serde_json::json!({"submolt_name": "general", "title": "No key", "content": "signs this"});
    assert_eq!(home.post("/api/v1/posts", key, &body).0, 403, "a post without a key to sign it");
}
