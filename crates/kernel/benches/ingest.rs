//! Ingest from a frame to what is said of it, on the store in memory: what the kernel and the views cost beside
//! verification. Each round takes `BENCH_ENVELOPES` (10,000 unless told) envelopes in bundles of 64.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark reads its size from the environment"
)]

mod common;

use common::{Workload, workload};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tidepool_kernel::testing::{Keys, MemoryStore};
use tidepool_kernel::{Effect, GossipId, Input, Invalid, LocalRequest, Node, NodeSettings, Outbox, Store, Ticket};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{Bundle, Envelope, PublicKey, Shard, TimeMs, Verified, verify};
use tidepool_views::testing::{T0, network};

fn count() -> usize {
    std::env::var("BENCH_ENVELOPES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

struct Machine {
    node: Node<MemoryStore, Keys>,
    store: MemoryStore,
    now: TimeMs,
}

impl Machine {
    /// A node that knows every identity of `work`.
    fn new(work: &Workload) -> Self {
        let settings = NodeSettings::archive(network(), work.node.id, PublicKey([1; 32]));
        let store = MemoryStore::default();
        let now = T0.plus_ms(60_000);
        let mut machine = Self { node: Node::new(store.clone(), Keys::default(), settings), store, now };
        machine.step(Input::Started, &mut |_| unreachable!("nothing to verify yet"));
        let identities = std::iter::once(&work.node.genesis).chain(work.agents.iter().map(|agent| &agent.genesis));
        for (number, genesis) in identities.enumerate() {
            let envelopes = vec![genesis.bytes().clone()];
            let request = LocalRequest::Submit { envelopes, rows: vec![], expect: vec![] };
            let ticket = Ticket(number as u64);
            machine.step(Input::Local { ticket, request }, &mut |bytes| Ok(check(bytes)));
        }
        machine
    }

    /// One input, and everything that follows from it.
    fn step(&mut self, input: Input, verifier: &mut dyn FnMut(bytes::Bytes) -> Result<Verified<Envelope>, Invalid>) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut outbox = Outbox::default();
            self.node.step(input, self.now, &mut outbox);
            self.node.step(Input::TurnEnded, self.now, &mut outbox);
            for effect in outbox.0 {
                match effect {
                    Effect::Verify { ticket, envelopes } => {
                        let results = envelopes.into_iter().map(&mut *verifier).collect();
                        inputs.push(Input::Verified { ticket, results });
                    }
                    Effect::Flush => inputs.push(Input::Durable { upto: self.store.flush() }),
                    _ => {}
                }
            }
        }
    }
}

fn check(bytes: bytes::Bytes) -> Verified<Envelope> {
    verify(Envelope::decode(bytes).unwrap()).unwrap()
}

fn frames(work: &Workload) -> Vec<bytes::Bytes> {
    work.envelopes
        .chunks(64)
        .map(|chunk| {
            let envelopes = chunk.iter().map(|envelope| envelope.bytes().clone()).collect();
            Bundle { envelopes, identities: vec![] }.encode()
        })
        .collect()
}

fn topic() -> Topic {
    let slot = "c/general".parse::<tidepool_protocol::Scope>().unwrap().slot();
    Topic::Shard { generation: 0, shard: Shard::of(slot, network().params.shards).unwrap() }
}

fn ingest(
    machine: &mut Machine,
    frames: &[bytes::Bytes],
    verifier: &mut dyn FnMut(bytes::Bytes) -> Result<Verified<Envelope>, Invalid>,
) {
    for (number, frame) in frames.iter().enumerate() {
        // Time passes, or the sender's bucket would be empty.
        machine.now = machine.now.plus_ms(2);
        let input = Input::Gossip {
            id: GossipId(number as u64),
            from: PublicKey([9; 32]),
            topic: topic(),
            frame: frame.clone(),
        };
        machine.step(input, verifier);
    }
}

/// Envelopes a second of the best of three runs.
fn best(count: usize, mut run: impl FnMut() -> Duration) -> f64 {
    let fastest = (0..3).map(|_| run()).min().unwrap();
    count as f64 / fastest.as_secs_f64()
}

fn timed<T>(run: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    std::hint::black_box(run());
    began.elapsed()
}

fn main() {
    let work = workload(count());
    let frames = frames(&work);
    let total = work.envelopes.len();
    let verified: BTreeMap<bytes::Bytes, Verified<Envelope>> =
        work.envelopes.iter().map(|envelope| (envelope.bytes().clone(), envelope.clone())).collect();
    let limit =
        best(total, || timed(|| work.envelopes.iter().map(|envelope| check(envelope.bytes().clone()).id().0[0]).max()));
    let taken = |verifier: &mut dyn FnMut(bytes::Bytes) -> Result<Verified<Envelope>, Invalid>| {
        let mut machine = Machine::new(&work);
        let time = timed(|| ingest(&mut machine, &frames, verifier));
        assert_eq!(machine.node.counters().admitted_gossip, total as u64);
        (machine, time)
    };
    let show = |what: &str, rate: f64| println!("{what:58} {rate:>9.0} a second   ratio {:>6.2}", rate / limit);
    println!("{total} envelopes in bundles of 64, store in memory");
    show("limit: decode + verify_strict on one core", limit);
    show("frame to accept, verification on the same thread", best(total, || taken(&mut |bytes| Ok(check(bytes))).1));
    show("frame to accept, verification elsewhere", best(total, || taken(&mut |bytes| Ok(verified[&bytes].clone())).1));
    // A start after a crash that left no derived row.
    let (machine, _) = taken(&mut |bytes| Ok(verified[&bytes].clone()));
    let folded = best(total, || {
        machine.store.clone().clear_derived().unwrap();
        let settings = NodeSettings::archive(network(), work.node.id, PublicKey([1; 32]));
        let mut node = Node::new(machine.store.clone(), Keys::default(), settings);
        timed(|| node.step(Input::Started, T0.plus_ms(60_000), &mut Outbox::default()))
    });
    show("fold of the whole log again", folded);
}
