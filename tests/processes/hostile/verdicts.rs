//! Frames from a peer that does not keep the rules change nothing and are counted; an author who comes before its identity
//! is shown once the identity is there.

use crate::stranger::{Author, Stranger, now};
use crate::support::{Node, http};
use bytes::Bytes;
use tidepool_protocol::{Bundle, SecretKey, Signer};

fn key(number: u8) -> SecretKey {
    let mut seed = [number; 32];
    seed[..4].copy_from_slice(&std::process::id().to_be_bytes());
    SecretKey::from_seed(seed)
}

/// A counter of `/metrics` that holds `labels`, summed over the rest; 0 when it is not there yet.
pub fn metric(node: &Node, name: &str, labels: &[&str]) -> u64 {
    let text = node.text("/metrics");
    let matching = |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
    text.lines().filter(matching).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
}

fn verdicts(node: &Node) -> [u64; 2] {
    ["verdict=\"reject\"", "verdict=\"ignore\""].map(|verdict| metric(node, "tidepool_frames_total", &[verdict]))
}

#[test]
fn what_does_not_hold_is_counted_by_verdict_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(&directory.path().join("1"), &[]);
    let home_key = key(1);
    let mut author = Author::new("stranger", &home_key);
    let mut stranger = Stranger::join(&node.listen(), &home_key);
    stranger.serve(&author);

    let first = author.post("An honest post", now());
    stranger.publish_envelopes(&[&first]);
    let path = format!("/api/v1/posts/{}", first.id());
    stranger.serve_until("the honest post", || node.get(&path).get("post").cloned());
    let before = node.digests();

    let second = author.post("Never shown", now());
    let whole = second.bytes().clone();
    let mut forged = whole.to_vec();
    let at = forged.len() - 5;
    forged[at] ^= 1;
    let bundle = |envelope: Bytes| Bundle { envelopes: vec![envelope], identities: Vec::new() }.encode();
    let frames = [
        ("garbage", Bytes::from_static(b"this is no bundle"), "reject"),
        ("a body that was changed", bundle(forged.into()), "reject"),
        ("an envelope cut short", bundle(whole.slice(..whole.len() - 20)), "reject"),
        ("a frame cut short", bundle(whole.clone()).slice(..100), "reject"),
        ("a bundle of a newer version", Bytes::from_static(&[0x83, 0x18, 0x63, 0x80, 0x80]), "ignore"),
    ];
    for (what, frame, verdict) in frames {
        let [rejected, ignored] = verdicts(&node);
        stranger.publish(&frame);
        let grown = |[now_rejected, now_ignored]: [u64; 2]| match verdict {
            "reject" => now_rejected > rejected,
            _ => now_ignored > ignored,
        };
        stranger.serve_until(&format!("{verdict} for {what}"), || grown(verdicts(&node)).then_some(()));
    }

    // Too far in the future: ignored, not punished. And the honest post again, in another frame: a duplicate.
    let mut later = Author::new("too-early", &home_key);
    stranger.serve(&later);
    let future = later.post("From tomorrow", now().plus_ms(600_000));
    for (what, frame) in [("the future", vec![&future]), ("a replay", vec![&first, &first])] {
        let [_, ignored] = verdicts(&node);
        stranger.publish_envelopes(&frame);
        stranger.serve_until(&format!("ignore for {what}"), || (verdicts(&node)[1] > ignored).then_some(()));
    }
    let (status, _) = http(node.api(), "GET", &format!("/api/v1/posts/{}", second.id()), None, None);
    assert_eq!(status, 404, "a post that came damaged only is shown");
    let (status, _) = http(node.api(), "GET", &format!("/api/v1/posts/{}", future.id()), None, None);
    assert_eq!(status, 404, "a post from the future is shown");
    let content = |shards: &serde_json::Value| {
        shards.as_array().unwrap().iter().map(|shard| shard["content_digest"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(content(&node.digests()), content(&before), "a refused frame changed a digest");
}

#[test]
fn a_post_that_comes_before_its_authors_identity_is_shown_once_that_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(&directory.path().join("1"), &[]);
    let home_key = key(2);
    let mut author = Author::new("latecomer", &home_key);
    let mut stranger = Stranger::join(&node.listen(), &home_key);
    let post = author.post("Who am I?", now());
    let path = format!("/api/v1/posts/{}", post.id());
    stranger.publish_envelopes(&[&post]);
    stranger.serve_until("the post waiting for its author", || {
        (metric(&node, "tidepool_pending", &["node="]) > 0).then_some(())
    });
    assert!(node.get(&path).get("post").is_none(), "a post of an unknown author is shown");

    let identities = author.chain.iter().map(|operation| operation.bytes().clone()).collect();
    let more = author.post("This is who I am", now());
    stranger.serve(&author);
    stranger.publish(&Bundle { envelopes: vec![more.bytes().clone()], identities }.encode());
    let shown = stranger.serve_until("the post of a known author", || node.get(&path).get("post").cloned());
    assert_eq!(shown["author"]["name"], "latecomer");
    assert_eq!(shown["signed_by"], author.key.public_key().to_string());
}
