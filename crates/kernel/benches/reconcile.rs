//! Worst cases of reconciling: very many envelopes in one span of ten minutes, and one in each of as many spans; and what
//! two nodes say to one another when they hold the same.
//!
//! `cargo bench -p tidepool-kernel --features testing --bench reconcile`; `BENCH_ENVELOPES` (500,000 unless told) is the
//! size of the worst cases, `BENCH_POINTS` (1,000,000) that of the idle pair. Signatures are made, and not checked again.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark reads its size from the environment")]

use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;
use tidepool_kernel::digest::{self, Tree};
use tidepool_kernel::testing::{Faults, Keys, MemoryStore, Network};
use tidepool_kernel::{Batch, Channel, Effect, GossipId, Input, Node, NodeSettings, Outbox, Peer, Store, Timer};
use tidepool_protocol::ids::sha256;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::sync::{Class, Point, SyncRequest};
use tidepool_protocol::{
    Bundle, Draft, Envelope, EnvelopeId, Epoch, Kind, PublicKey, Scope, Shard, Signer, Slot, TimeMs, Verified,
};
use tidepool_views::Overlay;
use tidepool_views::overlay::Pending;
use tidepool_views::testing::{T0, TestAgent, TestNode, network};

/// Authors; each has one log a week.
const AUTHORS: usize = 100;

/// Envelopes that each side lacks.
const LACKED: usize = 1_000;

const SPAN_MS: u64 = 10 * 60 * 1_000;

fn size(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn main() {
    let count = size("BENCH_ENVELOPES", 500_000);
    let home = TestNode::new(1);
    let agents: Vec<TestAgent> = (0..AUTHORS)
        .map(|number| TestAgent::new(1_000 + 10 * number as u64, &format!("agent-{number}"), &home, 1))
        .collect();
    reconcile(
        "one span of ten minutes",
        &home,
        &agents,
        &write(&agents, count, |number| T0.plus_ms(1_000 + number * (SPAN_MS - 2_000) / count as u64)),
    );
    reconcile("a span each", &home, &agents, &write(&agents, count, |number| T0.plus_ms(1_000 + number * SPAN_MS)));
    idle(size("BENCH_POINTS", 1_000_000));
}

/// `count` envelopes in one community, of a kind that no view shows.
fn write(agents: &[TestAgent], count: usize, time: impl Fn(u64) -> TimeMs) -> Vec<Verified<Envelope>> {
    let scope: Scope = "c/general".parse().unwrap();
    let mut logs: Vec<(Epoch, u64, Option<EnvelopeId>)> = vec![(Epoch(0), 0, None); agents.len()];
    let mut all = Vec::with_capacity(count);
    for number in 0..count {
        let time_ms = time(number as u64);
        let at = number % agents.len();
        let (agent, (epoch, seq, prev)) = (&agents[at], &mut logs[at]);
        if *epoch != Epoch::first_of(time_ms) {
            (*epoch, *seq) = (Epoch::first_of(time_ms), 0);
        }
        let envelope = Draft {
            network: network().id(),
            author: agent.author(),
            auth: agent.state.operation,
            scope: scope.clone(),
            epoch: *epoch,
            seq: *seq,
            prev: *prev,
            time_ms,
            kind: Kind(0x03f0),
            body: vec![0x80],
        }
        .sign(&agent.key);
        *seq += 1;
        *prev = Some(envelope.id());
        all.push(envelope);
    }
    all
}

struct Machine {
    node: Node<MemoryStore, Keys>,
    store: MemoryStore,
    peer: Peer,
    now: TimeMs,
}

type Known = BTreeMap<Bytes, Verified<Envelope>>;

impl Machine {
    fn new(number: u8, home: &TestNode) -> Self {
        let peer = PublicKey([number; 32]);
        let mut settings = NodeSettings::archive(network(), home.id, peer);
        settings.limits.serve_bytes_per_s = u32::MAX;
        settings.limits.serve_all_bytes_per_s = u32::MAX;
        let store = MemoryStore::default();
        let mut node = Node::new(store.clone(), Keys::default(), settings);
        node.step(Input::Started, T0, &mut Outbox::default());
        Self { node, store, peer, now: T0 }
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut out = Outbox::default();
        self.node.step(input, self.now, &mut out);
        self.node.step(Input::TurnEnded, self.now, &mut out);
        out.0
    }

    /// Lets it receive a bundle by gossip, at the time of its last envelope.
    fn hear(&mut self, number: u64, part: &[Verified<Envelope>], identities: Vec<Bytes>, known: &Known) {
        let Some(last) = part.last() else { return };
        self.now = self.now.max(last.header().time_ms);
        let envelopes = part.iter().map(|envelope| envelope.bytes().clone()).collect();
        let frame = Bundle { envelopes, identities }.encode();
        let slot = last.header().slot();
        let shard = Shard::of(slot, network().params.shards).unwrap();
        let from = PublicKey([u8::try_from(100 + number % 100).unwrap(); 32]);
        let topic = Topic::Shard { generation: 0, shard };
        let mut inputs = vec![Input::Gossip { id: GossipId(number), from, topic, frame }];
        while let Some(input) = inputs.pop() {
            for effect in self.step(input) {
                match effect {
                    Effect::Verify { ticket, envelopes } => {
                        let results = envelopes.iter().map(|bytes| Ok(known[bytes].clone())).collect();
                        inputs.push(Input::Verified { ticket, results });
                    }
                    Effect::Flush => inputs.push(Input::Durable { upto: self.store.flush() }),
                    _ => {}
                }
            }
        }
    }
}

/// What a session took.
#[derive(Default)]
struct Took {
    requests: BTreeMap<&'static str, (usize, usize)>,
    /// Bytes of answers that hold envelopes.
    brought: usize,
    /// Round trips, one behind the other.
    rounds: usize,
}

fn name(request: &SyncRequest) -> &'static str {
    match request {
        SyncRequest::Digest(_) => "digest",
        SyncRequest::Split { .. } => "split",
        SyncRequest::Ids { .. } => "ids",
        SyncRequest::Fetch(_) => "fetch",
        SyncRequest::Range { .. } => "range",
        SyncRequest::Snapshot { .. } => "snapshot",
        SyncRequest::Reconcile { .. } => "reconcile",
        SyncRequest::Log { .. } | SyncRequest::Identity(_) | SyncRequest::Heads(_) | SyncRequest::Blob(_) => "other",
    }
}

/// One session of `taking` with `serving`, to its end.
fn session(taking: &mut Machine, serving: &mut Machine, known: &Known) -> Took {
    let mut took = Took::default();
    let done = taking.node.counters().sync_done;
    let mut inputs = VecDeque::from([Input::PeerConnected { peer: serving.peer }]);
    let mut next = VecDeque::new();
    loop {
        // What was asked in one round is answered before anything is asked in the next.
        taking.now = taking.now.plus_ms(20);
        serving.now = taking.now;
        let asked: Vec<Effect> = inputs.drain(..).flat_map(|input| taking.step(input)).collect();
        let mut any = false;
        for effect in asked {
            match effect {
                Effect::Verify { ticket, envelopes } => {
                    let results = envelopes.iter().map(|bytes| Ok(known[bytes].clone())).collect();
                    next.push_back(Input::Verified { ticket, results });
                }
                Effect::Flush => next.push_back(Input::Durable { upto: taking.store.flush() }),
                Effect::Request { request, frame, .. } => {
                    any = true;
                    let asked = SyncRequest::decode(&frame).unwrap();
                    let from = taking.peer;
                    let channel = Channel(request.0);
                    let mut bytes = frame.len();
                    let mut answers = serving.step(Input::Request { from, channel, frame });
                    if answers.iter().any(|effect| matches!(effect, Effect::Flush)) {
                        let upto = serving.store.flush();
                        answers.extend(serving.step(Input::Durable { upto }));
                    }
                    for answer in answers {
                        if let Effect::Respond { frame, .. } = answer {
                            let brings = matches!(name(&asked), "fetch" | "range" | "snapshot");
                            took.brought += if brings { frame.len() } else { 0 };
                            bytes += if brings { 0 } else { frame.len() };
                            next.push_back(Input::Response { request, result: Ok(frame) });
                        }
                    }
                    let of = took.requests.entry(name(&asked)).or_default();
                    *of = (of.0 + 1, of.1 + bytes);
                }
                _ => {}
            }
        }
        took.rounds += usize::from(any);
        std::mem::swap(&mut inputs, &mut next);
        if inputs.is_empty() {
            if taking.node.counters().sync_done > done {
                return took;
            }
            inputs.push_back(Input::Timer(Timer::AntiEntropy));
            assert!(took.rounds < 100_000, "the session does not end");
        }
    }
}

fn reconcile(case: &str, home: &TestNode, agents: &[TestAgent], all: &[Verified<Envelope>]) {
    let identities: Vec<Verified<Envelope>> =
        std::iter::once(home.genesis.clone()).chain(agents.iter().map(|agent| agent.genesis.clone())).collect();
    let known: Known =
        all.iter().chain(&identities).map(|envelope| (envelope.bytes().clone(), envelope.clone())).collect();
    let chains = |part: &[Verified<Envelope>]| part.iter().map(|envelope| envelope.bytes().clone()).collect();
    let began = Instant::now();
    let step = (all.len() / LACKED).max(2);
    let mut machines: Vec<Machine> = [11, 12].map(|number| Machine::new(number, home)).into();
    for (side, machine) in machines.iter_mut().enumerate() {
        let held: Vec<Verified<Envelope>> = all
            .iter()
            .enumerate()
            .filter(|(number, _)| number % step != (step / 4) * (2 * side + 1))
            .map(|(_, envelope)| envelope.clone())
            .collect();
        for (number, part) in identities.chunks(60).enumerate() {
            machine.hear(number as u64, &all[..1], chains(part), &known);
        }
        // Gossip carries nothing old: where each lies in a span of its own, each goes alone.
        let together = if all[0].header().time_ms.plus_ms(SPAN_MS) < all[64].header().time_ms { 1 } else { 64 };
        for (number, part) in held.chunks(together).enumerate() {
            machine.hear(1_000 + number as u64, part, vec![], &known);
        }
    }
    let filled = began.elapsed();
    let [one, other] = &mut machines[..] else { unreachable!("there are two") };
    let now = one.now.max(other.now);
    (one.now, other.now) = (now, now);
    let sums = |machine: &Machine| digest::all(&machine.store).unwrap();
    let lacked = |machine: &Machine| all.len() as u64 - sums(machine).content.count;
    println!("{case}: {} envelopes, {} and {} lacked (filled in {filled:.0?})", all.len(), lacked(one), lacked(other));
    for side in 0..2 {
        let began = Instant::now();
        let took = if side == 0 { session(one, other, &known) } else { session(other, one, &known) };
        let compared: usize = took.requests.values().map(|(_, bytes)| bytes).sum();
        println!(
            "  {} round trips, {compared} bytes to compare, {} bytes of envelopes, {:.2?}; {:?}",
            took.rounds,
            took.brought,
            began.elapsed(),
            took.requests
        );
    }
    assert_eq!(sums(one), sums(other), "both hold the same");
    assert_eq!(lacked(one), 0, "and that is everything");
}

/// Two nodes whose digests count `points` envelopes each and are equal: what they say in ten minutes.
fn idle(points: usize) {
    let began = Instant::now();
    let mut store = MemoryStore::default();
    let mut pending = Pending::default();
    let points = points as u64;
    for number in 0..points {
        let id = EnvelopeId(sha256(&[&number.to_be_bytes()]));
        let slot = Slot::new(u16::from_be_bytes([id.0[0], id.0[1]]) % 1_024).unwrap();
        let class = if number.is_multiple_of(50) { Class::State } else { Class::Content };
        let mut rows = Overlay::new(&store, pending);
        digest::insert(&mut rows, Tree { slot, class }, &Point { time_ms: T0.plus_ms(number), id }).unwrap();
        pending = rows.into_pending();
        if number % 8_192 == 8_191 || number + 1 == points {
            let (rows, _) = std::mem::take(&mut pending).into_parts();
            store.append(Batch::for_test(vec![], rows, vec![], vec![])).unwrap();
        }
    }
    assert_eq!(digest::all(&store).unwrap().together().count, points);
    let mut net = Network::new(1, T0, Faults::NONE);
    for number in [21, 22_u64] {
        let node = TestNode::new(number * 10);
        let settings = NodeSettings::archive(network(), node.id, node.key.public_key());
        net.add_with(settings, Keys::default(), store.clone());
    }
    net.connect(0, 1);
    net.run(60_000);
    let (bytes, rounds) = (net.sync_bytes, net.counters(0).sync_done + net.counters(1).sync_done);
    net.run(600_000);
    let a_minute = (net.sync_bytes - bytes) / 10;
    let rounds = net.counters(0).sync_done + net.counters(1).sync_done - rounds;
    println!(
        "idle pair, {points} envelopes each: {a_minute} bytes of frames a minute, both directions, {rounds} sessions in ten minutes (made in {:.0?})",
        began.elapsed()
    );
    assert!(a_minute < 4_096);
}
