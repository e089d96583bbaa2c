//! Ingest from a frame to what is said of it, on the store in memory: what the kernel and the views cost beside
//! verification. Each round takes `BENCH_ENVELOPES` (10,000 unless told) envelopes in bundles of 64.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark reads its size from the environment")]

mod common;

use common::{Workload, workload};
use divan::{Bencher, counter::ItemsCount};
use tidepool_kernel::testing::{Keys, MemoryStore};
use tidepool_kernel::{Effect, GossipId, Input, Invalid, LocalRequest, Node, NodeSettings, Outbox, Store, Ticket};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{Bundle, Envelope, PublicKey, Shard, TimeMs, Verified, verify};
use tidepool_views::testing::{T0, network};

fn main() {
    divan::main();
}

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

/// Frame to spoken of, with verification on this thread.
#[divan::bench(sample_count = 5)]
fn frame_to_accept(bencher: Bencher<'_, '_>) {
    let work = workload(count());
    let frames = frames(&work);
    bencher.counter(ItemsCount::new(work.envelopes.len())).with_inputs(|| Machine::new(&work)).bench_local_values(
        |mut machine| {
            ingest(&mut machine, &frames, &mut |bytes| Ok(check(bytes)));
            assert_eq!(machine.node.counters().admitted_gossip, work.envelopes.len() as u64);
            machine
        },
    );
}

/// The same without verification: what one kernel thread can take from a pool of verifiers.
#[divan::bench(sample_count = 5)]
fn frame_to_accept_without_verifying(bencher: Bencher<'_, '_>) {
    let work = workload(count());
    let frames = frames(&work);
    let verified: std::collections::BTreeMap<bytes::Bytes, Verified<Envelope>> =
        work.envelopes.iter().map(|envelope| (envelope.bytes().clone(), envelope.clone())).collect();
    bencher.counter(ItemsCount::new(work.envelopes.len())).with_inputs(|| Machine::new(&work)).bench_local_values(
        |mut machine| {
            ingest(&mut machine, &frames, &mut |bytes| Ok(verified[&bytes].clone()));
            assert_eq!(machine.node.counters().admitted_gossip, work.envelopes.len() as u64);
            machine
        },
    );
}

/// Folding a log again at a start after a crash that left no derived row.
#[divan::bench(sample_count = 5)]
fn fold_after_a_crash(bencher: Bencher<'_, '_>) {
    let work = workload(count());
    let mut machine = Machine::new(&work);
    ingest(&mut machine, &frames(&work), &mut |bytes| Ok(check(bytes)));
    let store = machine.store.clone();
    bencher
        .counter(ItemsCount::new(work.envelopes.len()))
        .with_inputs(|| {
            store.clone().clear_derived().unwrap();
            let settings = NodeSettings::archive(network(), work.node.id, PublicKey([1; 32]));
            Node::new(store.clone(), Keys::default(), settings)
        })
        .bench_local_values(|mut node| {
            node.step(Input::Started, T0.plus_ms(60_000), &mut Outbox::default());
            node
        });
}

/// The limit: decode and `verify_strict` of the same envelopes on one core.
#[divan::bench(sample_count = 5)]
fn limit_decode_and_verify(bencher: Bencher<'_, '_>) {
    let work = workload(count());
    bencher
        .counter(ItemsCount::new(work.envelopes.len()))
        .bench_local(|| work.envelopes.iter().map(|envelope| check(envelope.bytes().clone()).id().0[0]).max());
}
