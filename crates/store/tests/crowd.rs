//! A key that signs without end at one position of its log: the node holds two envelopes, forwards two, and its disk
//! does not grow with what it is sent.
//!
//! `TIDEPOOL_CROWD=100000` for the whole exercise. The worst order is the one in which every envelope has a lower id than
//! all before it, each in a frame and a batch of its own: everything is written, and everything leaves again.
#![allow(clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use std::path::Path;
use tidepool_kernel::testing::Keys;
use tidepool_kernel::{Effect, GossipId, Input, Node, NodeSettings, Outbox, Store, Verdict};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{Bundle, Envelope, Scope, Shard, Signer, TimeMs, verify};
use tidepool_store::{OpenSettings, SledStore};
use tidepool_views::Envelopes;
use tidepool_views::testing::{T0, TestAgent, TestNode, Writer, network};

/// How much more disk a node may hold after the flood: a few of the engine's segments.
const GROWTH_BYTES_MAX: u64 = 16 * 1024 * 1024;

fn crowd() -> usize {
    std::env::var("TIDEPOOL_CROWD").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000)
}

fn bytes_under(path: &Path) -> u64 {
    let size = |entry: std::fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => bytes_under(&entry.path()),
        false => entry.metadata().map(|metadata| metadata.len()).unwrap_or(0),
    };
    std::fs::read_dir(path).unwrap().filter_map(Result::ok).map(size).sum()
}

/// A node over a store, driven by hand.
struct Driven {
    node: Node<SledStore, Keys>,
    now: TimeMs,
    verdicts: Vec<Verdict>,
    frames: u64,
}

impl Driven {
    fn step(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut outbox = Outbox::default();
            self.node.step(input, self.now, &mut outbox);
            self.node.step(Input::TurnEnded, self.now, &mut outbox);
            for effect in outbox.0 {
                match effect {
                    Effect::Verify { ticket, envelopes } => {
                        let check = |bytes| Ok(verify(Envelope::decode(bytes)?)?);
                        let results = envelopes.into_iter().map(check).collect();
                        inputs.push(Input::Verified { ticket, results });
                    }
                    Effect::Judge { verdict, .. } => self.verdicts.push(verdict),
                    // Every sixty-fourth flush is a real one: this is about space, not about time.
                    Effect::Flush if self.frames.is_multiple_of(64) => {
                        let upto = self.node.store().flusher()().unwrap();
                        inputs.push(Input::Durable { upto });
                    }
                    Effect::Flush => inputs.push(Input::Durable { upto: Store::head(self.node.store()) }),
                    Effect::Halt { error } => panic!("{error}"),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn a_key_that_signs_without_end_at_one_position_grows_no_disk() {
    let genesis = network();
    let home = TestNode::new(1);
    let agent = TestAgent::new(10, "crowd", &home, 1);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let settings = OpenSettings { reserve_bytes: 0, ..OpenSettings::new(genesis.id()) };
    let open = || SledStore::open(&path, &settings).unwrap();
    let own = NodeSettings::archive(genesis.clone(), home.id, home.key.public_key());
    let node = Node::new(open(), Keys::new(vec![home.key.clone()]), own.clone());
    let mut driven = Driven { node, now: TimeMs(T0.0 + 60_000), verdicts: Vec::new(), frames: 0 };
    driven.step(Input::Started);

    let scope: Scope = "c/general".parse().unwrap();
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, scope.clone());
    let first = writer.post("what was there before");
    let mut crowd: Vec<Bytes> =
        (0..crowd()).map(|number| writer.clone().post(&format!("rival {number}")).bytes().clone()).collect();
    // Each lower than all before it.
    crowd.sort_by_key(|bytes| std::cmp::Reverse(Envelope::decode(bytes.clone()).unwrap().id()));
    let topic = Topic::Shard {
        generation: genesis.params.generation,
        shard: Shard::of(scope.slot(), genesis.params.shards).unwrap(),
    };
    let identities = vec![home.genesis.bytes().clone(), agent.genesis.bytes().clone()];
    let opening = Bundle { envelopes: vec![first.bytes().clone()], identities };
    let say = |driven: &mut Driven, bundle: Bundle| {
        driven.frames += 1;
        // Within what one peer may send.
        driven.now = driven.now.plus_ms(1);
        let (id, from) = (GossipId(driven.frames), agent.key.public_key());
        driven.step(Input::Gossip { id, from, topic, frame: bundle.encode() });
    };
    say(&mut driven, opening);
    driven.node.store().checkpoint().unwrap();
    let before = bytes_under(&path);
    let (mut peak, mut sent) = (before, 0);
    for (number, bytes) in crowd.iter().enumerate() {
        sent += bytes.len() as u64;
        say(&mut driven, Bundle { envelopes: vec![bytes.clone()], identities: Vec::new() });
        if number % 1_000 == 0 {
            peak = peak.max(bytes_under(&path));
        }
    }
    let forwarded = driven.verdicts.iter().filter(|verdict| **verdict == Verdict::Accept).count();
    let evicted = driven.node.counters().evicted;
    let held = |store: &SledStore| store.stored_after(tidepool_views::Cursor::START, 100).unwrap().len();
    // Two geneses, what was there before, and the two lowest of the crowd.
    assert_eq!(held(driven.node.store()), 5);
    assert_eq!(forwarded, 3, "the first envelope and the first two of the crowd are forwarded, nothing after them");
    assert_eq!(usize::try_from(evicted).unwrap(), crowd.len() - 2, "every envelope was lower than all before it");
    driven.node.into_store().close().unwrap();
    let after = bytes_under(&path);
    println!(
        "{} envelopes ({sent} bytes) at one position, each lower than all before: {evicted} left again, {forwarded} frames \
         forwarded; disk before {before}, at most {peak}, after {after} bytes",
        crowd.len()
    );
    assert!(peak.max(after) < before + GROWTH_BYTES_MAX, "the disk grew from {before} to {peak} (then {after}) bytes");
    // What is left is whole: folded again from the start, it gives the same.
    let mut store = open();
    Store::clear_derived(&mut store).unwrap();
    let node = Node::new(store, Keys::new(vec![home.key.clone()]), own);
    let mut again = Driven { node, now: driven.now, verdicts: Vec::new(), frames: 0 };
    again.step(Input::Started);
    assert_eq!(held(again.node.store()), 5);
}
