//! What sessions bring and what they do not, whom they believe, and how little they say when there is nothing to say.
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::*;
use crate::input::RequestFailure;
use crate::peer::{Channel, Peer, RequestId};
use crate::testing::MemoryStore;
use crate::{Cover, Coverage, Effect, Input, Node, Offence, Outbox, Timer, digest};
use std::collections::BTreeSet;
use tidepool_protocol::digest::{Fingerprint, SetSum};
use tidepool_protocol::ids::sha256;
use tidepool_protocol::sync::{Class, Digest, Horizon, Part, Point, SyncAnswer, SyncRequest};
use tidepool_protocol::{Shard, Slot};
use tidepool_views::Rows;

const SEED: u64 = 31;

/// Node 0 is an archive, each other node holds the shard of its number. Agents are at home at node 0.
fn of_some_shards(settings: &mut NodeSettings) {
    let number = u16::try_from(settings.seed - SEED).unwrap();
    if number > 0 {
        settings.coverage = Coverage::Shards([Shard(number)].into());
    }
}

fn ctl(world: &World, at: usize) -> digest::Sums {
    digest::slot(world.net.store(at), Slot::CTL).unwrap()
}

/// How many texts a node holds with their bodies, older than `from` and younger.
fn bodies(world: &World, at: usize, from: TimeMs) -> (usize, usize) {
    let all = world.net.store(at).all();
    let texts = all.iter().map(|stored| &stored.envelope);
    let texts = texts.filter(|envelope| envelope.header().kind == Kind::POST && envelope.body().is_some());
    let (old, young): (Vec<_>, Vec<_>) = texts.partition(|envelope| envelope.header().time_ms < from);
    (old.len(), young.len())
}

#[test]
fn a_sync_fills_its_batches_and_a_local_write_does_not_wait_for_it() {
    let mut world = World::new(SEED, Faults::NONE, 2, 1);
    (0..2).for_each(|agent| world.register(agent));
    for number in 0..10 {
        let items = (0..100).map(|place| post(&format!("{number} {place}"))).collect();
        let ticket = world.compose(0, items);
        world.net.run(50);
        world.done(0, ticket);
    }
    // Beyond what gossip carries.
    world.net.run(11 * 60 * 1_000);
    let before = world.net.counters(1);
    world.net.connect(0, 1);
    for _ in 0..60_000 {
        world.net.run(1);
        if world.net.counters(1).admitted_sync > 0 {
            break;
        }
    }
    let ticket = world.compose(1, vec![post("meanwhile")]);
    world.net.run(5);
    world.done(1, ticket);
    world.net.run(60_000);
    assert!(world.all_equal());
    let after = world.net.counters(1);
    let (came, batches) = (after.admitted_sync - before.admitted_sync, after.batches - before.batches);
    assert!(came >= 1_000 && batches <= 8, "{came} envelopes in {batches} batches");
}

#[test]
fn an_identity_operation_that_gossip_lost_reaches_nodes_of_other_shards() {
    let mut world = World::with(SEED, Faults::NONE, 4, 1, &of_some_shards);
    world.register(0);
    let agent = world.agents[0].clone();
    let key = tidepool_views::testing::secret(77_000);
    let change = agent.rotate(&[&key], &[&agent.rotation[0]]);
    let (operation, _) = agent.operation(&agent.state, &change, &agent.rotation[0], &[], START);
    let ticket = world.submit(0, vec![operation.bytes().clone()]);
    world.net.run(50);
    world.done(0, ticket);
    // Beyond what gossip carries; and each knows the one before it only.
    world.net.run(11 * 60 * 1_000);
    (1..4).for_each(|at| world.net.connect(at - 1, at));
    world.net.run(30_000);
    let own = agent.genesis.header().slot();
    for at in 1..4 {
        assert!(world.holds(at, &operation.id()), "node {at} lacks the operation");
        assert!(world.holds(at, &agent.genesis.id()), "node {at} lacks the chain that it extends");
        assert_eq!(ctl(&world, at), ctl(&world, 0), "node {at}");
        assert_eq!(world.net.counters(at).admitted_gossip, 0);
    }
    let joined = (1..4).filter(|at| Shard::of(own, 4) == Some(Shard(*at as u16))).count();
    assert!(joined <= 1, "at least two nodes do not join the agent's shard");
    assert!(ctl(&world, 0).state.count > 0);
}

#[test]
fn a_node_of_some_shards_holds_those_and_falls_silent() {
    let mut world = World::with(SEED, Faults::NONE, 4, 2, &of_some_shards);
    (0..2).for_each(|agent| world.register(agent));
    for round in 0..30 {
        world.compose(0, (0..100).map(|number| post(&format!("{round} {number}"))).collect());
        world.net.run(100);
    }
    world.net.run(11 * 60 * 1_000);
    (1..4).for_each(|at| world.net.connect(0, at));
    world.net.connect(1, 2);
    world.net.run(60_000);
    let shard = Shard::of(general().slot(), 4).unwrap();
    for at in 1..4 {
        let of = |at: usize, shard: Shard| digest::shard(world.net.store(at), shard, 4).unwrap();
        let own = Shard(at as u16);
        assert_eq!(of(at, own), of(0, own), "node {at} holds its shard whole");
        let content = of(at, shard).content.count;
        assert_eq!(content, if own == shard { 3_000 } else { 0 }, "node {at}");
    }
    // Partly different slots are no reason to look again and again.
    let before = [0, 1, 2, 3].map(|at| world.net.counters(at));
    let bytes = world.net.sync_bytes;
    world.net.run(60_000);
    for (at, before) in before.iter().enumerate() {
        let after = world.net.counters(at);
        assert_eq!(after.sync_done - before.sync_done, after.sync_equal - before.sync_equal, "node {at}");
    }
    // Four pairs, two rounds a second in all.
    assert!(world.net.sync_bytes - bytes < 4 * 30 * 4 * 400, "{} bytes", world.net.sync_bytes - bytes);
}

#[test]
fn what_a_node_pruned_is_neither_brought_back_nor_missed() {
    let mut world = World::with(33, Faults::NONE, 2, 1, &|settings| settings.anti_entropy_ms = 10_000);
    world.register(0);
    for hour in 0..4 {
        world.compose(0, (0..50).map(|number| post(&format!("{hour} {number}"))).collect());
        world.net.run(60 * 60 * 1_000);
    }
    let from = START.plus_ms(90 * 60 * 1_000);
    let all = Horizon { first: Slot::new(0).unwrap(), last: Slot::CTL, from };
    world.net.node_mut(1).unwrap().set_horizons(&[all]);
    world.net.connect(0, 1);
    world.net.run(60_000);
    assert_eq!(bodies(&world, 0, from), (100, 100));
    assert_eq!(bodies(&world, 1, from), (0, 100), "two of four hours are younger than the horizon");
    let before = [0, 1].map(|at| world.net.counters(at));
    world.net.run(120_000);
    for (at, before) in before.iter().enumerate() {
        let after = world.net.counters(at);
        assert!(after.sync_equal > before.sync_equal);
        assert_eq!(
            after.sync_done - before.sync_done,
            after.sync_equal - before.sync_equal,
            "node {at} sees no difference"
        );
    }
    assert_eq!(bodies(&world, 1, from), (0, 100));
}

/// Frames of both directions, requests and answers, of two nodes that hold the same.
#[test]
fn a_synchronised_pair_exchanges_some_hundred_bytes_a_minute() {
    let mut world = World::with(34, Faults::NONE, 2, 1, &|settings| settings.anti_entropy_ms = 30_000);
    world.register(0);
    for round in 0..20 {
        world.compose(0, (0..100).map(|number| post(&format!("{round} {number}"))).collect());
        world.net.run(100);
    }
    world.link_all();
    world.net.run(120_000);
    assert!(world.all_equal());
    let before = world.net.sync_bytes;
    world.net.run(600_000);
    let a_minute = (world.net.sync_bytes - before) / 10;
    println!("{a_minute} bytes of frames a minute");
    assert!(a_minute > 0 && a_minute < 600, "{a_minute} bytes a minute");
}

/// A node that a test speaks to as its peer.
struct Spoken {
    node: Node<MemoryStore, Keys>,
    peer: Peer,
    out: Outbox,
    now: TimeMs,
}

impl Spoken {
    fn new() -> Self {
        let own = TestNode::new(1);
        let settings = NodeSettings::archive(network(), own.id, own.key.public_key());
        let mut node = Node::new(MemoryStore::default(), Keys::new([own.key.clone()]), settings);
        node.step(Input::Started, START, &mut Outbox::default());
        let peer = TestNode::new(5).key.public_key();
        let mut spoken = Self { node, peer, out: Outbox::default(), now: START };
        spoken.step(Input::PeerConnected { peer });
        spoken
    }

    fn step(&mut self, input: Input) {
        self.now = self.now.plus_ms(1);
        self.node.step(input, self.now, &mut self.out);
    }

    /// The next request of its session.
    fn asked(&mut self) -> Option<(RequestId, SyncRequest)> {
        while !self.out.0.is_empty() {
            if let Effect::Request { request, frame, .. } = self.out.0.remove(0) {
                return Some((request, SyncRequest::decode(&frame).unwrap()));
            }
        }
        None
    }

    fn answer(&mut self, request: RequestId, answer: &SyncAnswer) {
        self.step(Input::Response { request, result: Ok(answer.encode()) });
    }

    /// Answers digests as a peer that holds one id in one slot, until something else is asked.
    fn until_it_asks_more(&mut self, count: u64) -> (RequestId, SyncRequest) {
        let covers = Cover::of(&Coverage::Archive, &network()).horizons().to_vec();
        loop {
            let (request, asked) = self.asked().expect("the session goes on");
            let SyncRequest::Digest(runs) = asked else { return (request, asked) };
            let held = |class, first: Slot, last: Slot| class == Class::Content && (first..=last).contains(&claimed());
            let digests = runs.iter().map(|run| {
                let count = if held(run.class, run.first, run.last) { count } else { 0 };
                Digest { count, fingerprint: fingerprint(count) }
            });
            let answer = SyncAnswer::Digests { digests: digests.collect(), covers: covers.clone() };
            self.answer(request, &answer);
        }
    }

    fn offences(&self) -> Vec<Offence> {
        let of = |effect: &Effect| match effect {
            Effect::Penalise { peer, offence } if *peer == self.peer => Some(*offence),
            _ => None,
        };
        self.out.0.iter().filter_map(of).collect()
    }
}

/// The slot of which the scripted peer claims to hold something.
fn claimed() -> Slot {
    Slot::new(700).unwrap()
}

fn fingerprint(count: u64) -> Fingerprint {
    if count == 0 { SetSum::default().fingerprint() } else { Fingerprint([9; 16]) }
}

#[test]
fn a_page_that_is_less_than_its_digest_convicts_only_who_says_that_digest_again() {
    // Who has begun to prune meanwhile says so before it does, and is acquitted.
    let pruned = Horizon { first: claimed(), last: claimed(), from: START };
    for (again, horizon, convicted) in [(3, None, true), (3, Some(pruned), false), (0, None, false)] {
        let mut spoken = Spoken::new();
        let (request, asked) = spoken.until_it_asks_more(3);
        assert!(matches!(asked, SyncRequest::Range { .. }), "{asked:?}");
        spoken.answer(request, &SyncAnswer::Envelopes { envelopes: vec![], next: None, gone: vec![] });
        let (request, asked) = spoken.asked().unwrap();
        assert!(matches!(asked, SyncRequest::Split { parts: 1, .. }), "{asked:?}");
        let part = Part { to: None, count: again, fingerprint: fingerprint(again) };
        spoken.answer(request, &SyncAnswer::Parts(vec![part]));
        if again > 0 {
            let (request, asked) = spoken.asked().unwrap();
            let SyncRequest::Digest(runs) = asked else { panic!("{asked:?}") };
            assert_eq!(spoken.offences(), []);
            let covers = Cover::of(&Coverage::Archive, &network()).pruned(horizon.as_slice()).horizons().to_vec();
            let digest = Digest { count: again, fingerprint: fingerprint(again) };
            spoken.answer(request, &SyncAnswer::Digests { digests: vec![digest; runs.len()], covers });
        }
        assert_eq!(spoken.offences(), if convicted { vec![Offence::Contradiction] } else { vec![] });
        assert_eq!(spoken.node.counters().offences, u64::from(convicted));
    }
}

#[test]
fn silence_and_having_less_cost_nothing() {
    for failure in [RequestFailure::Timeout, RequestFailure::Closed, RequestFailure::Busy, RequestFailure::Unreachable]
    {
        let mut spoken = Spoken::new();
        let (request, _) = spoken.asked().unwrap();
        spoken.step(Input::Response { request, result: Err(failure) });
        spoken.step(Input::Timer(Timer::AntiEntropy));
        assert_eq!(spoken.offences(), []);
    }
    let mut spoken = Spoken::new();
    let (request, _) = spoken.asked().unwrap();
    let covers = Cover::of(&Coverage::Archive, &network()).horizons().to_vec();
    let nothing = Digest { count: 0, fingerprint: fingerprint(0) };
    spoken.answer(request, &SyncAnswer::Digests { digests: vec![nothing; 2], covers });
    assert_eq!(spoken.offences(), []);
    assert_eq!(spoken.node.counters().sync_done, 1);
}

/// An id that is offered must be served or marked as gone.
#[test]
fn an_id_that_is_offered_is_served_or_marked() {
    let ids: Vec<EnvelopeId> = (0..3_u8).map(|number| EnvelopeId(sha256(&[&[number]]))).collect();
    for (gone, offences) in
        [(vec![], vec![Offence::Withheld]), (ids.clone(), vec![]), (ids[..2].to_vec(), vec![Offence::Withheld])]
    {
        let mut world = World::new(35, Faults::NONE, 1, 1);
        world.register(0);
        world.post(0, "something is here");
        let peer = TestNode::new(5).key.public_key();
        let mut asked = BTreeSet::new();
        let store = world.net.store(0).clone();
        let own = &world.nodes[0];
        let settings = NodeSettings::archive(network(), own.id, own.key.public_key());
        let mut node = Node::new(store, Keys::new([own.key.clone()]), settings);
        let mut out = Outbox::default();
        let now = START.plus_ms(10_000);
        node.step(Input::Started, now, &mut out);
        out.0.clear();
        node.step(Input::PeerConnected { peer }, now, &mut out);
        let covers = Cover::of(&Coverage::Archive, &network()).horizons().to_vec();
        let mut convicted = Vec::new();
        while !out.0.is_empty() {
            match out.0.remove(0) {
                Effect::Request { request, frame, .. } => {
                    let answer = match SyncRequest::decode(&frame).unwrap() {
                        SyncRequest::Digest(runs) => {
                            let of = |run: &tidepool_protocol::sync::SlotRun| {
                                let holds =
                                    run.class == Class::Content && (run.first..=run.last).contains(&general().slot());
                                let count = if holds { 3 } else { 0 };
                                Digest { count, fingerprint: fingerprint(count) }
                            };
                            SyncAnswer::Digests { digests: runs.iter().map(of).collect(), covers: covers.clone() }
                        }
                        SyncRequest::Ids { .. } => {
                            let points = ids.iter().map(|id| Point { time_ms: START, id: *id }).collect();
                            SyncAnswer::Ids { points, next: None }
                        }
                        SyncRequest::Fetch(wanted) => {
                            asked.extend(wanted);
                            SyncAnswer::Envelopes { envelopes: vec![], next: None, gone: gone.clone() }
                        }
                        other => panic!("{other:?} was not expected"),
                    };
                    node.step(Input::Response { request, result: Ok(answer.encode()) }, now, &mut out);
                }
                Effect::Penalise { offence, .. } => convicted.push(offence),
                _ => {}
            }
        }
        assert_eq!(asked.len(), 3);
        assert_eq!(convicted, offences);
        assert_eq!(node.counters().offered_gone, gone.len() as u64);
    }
}

#[test]
fn a_flood_of_requests_is_served_within_one_budget_for_all_peers() {
    let mut spoken = Spoken::new();
    let limits = NodeSettings::archive(network(), TestNode::new(1).id, spoken.peer).limits;
    let request = SyncRequest::Fetch(vec![EnvelopeId([1; 32])]).encode();
    let (peers, seconds) = (64_u8, 10_u64);
    let begin = spoken.now;
    for ms in 0..seconds * 1_000 {
        spoken.now = begin.plus_ms(ms);
        for number in 0..4_u8 {
            let from = tidepool_protocol::PublicKey([100 + ((ms * 4) as u8).wrapping_add(number) % peers; 32]);
            let input = Input::Request { from, channel: Channel(ms * 4 + u64::from(number)), frame: request.clone() };
            spoken.node.step(input, spoken.now, &mut Outbox::default());
        }
    }
    let counters = spoken.node.counters();
    let allowed = u64::from(limits.serve_all_requests_per_s) * (seconds + 2);
    assert!(counters.served > 0 && counters.served <= allowed, "{} served, {allowed} allowed", counters.served);
    assert!(counters.served_busy > 0);
    assert_eq!(counters.served + counters.served_busy, seconds * 1_000 * 4);
}

#[test]
fn frames_that_the_network_dropped_begin_a_round_at_once() {
    let mut world = World::with(36, Faults::NONE, 2, 1, &|settings| settings.anti_entropy_ms = 3_600_000);
    world.link_all();
    world.net.run(5_000);
    let begun = world.net.counters(0).sync_begun;
    world.net.run(60_000);
    assert_eq!(world.net.counters(0).sync_begun, begun, "nothing is due");
    world.net.inject(0, Input::GossipDropped);
    world.net.run(100);
    assert_eq!(world.net.counters(0).sync_begun, begun + 1);
    assert_eq!(world.net.counters(0).frames_dropped["lane"], 1);
}

#[test]
fn an_empty_node_reads_the_log_of_its_peer_and_goes_on_after_a_crash() {
    let mut world = World::new(37, Faults::NONE, 2, 2);
    (0..2).for_each(|agent| world.register(agent));
    for round in 0..60 {
        world.compose(round % 2, (0..100).map(|number| post(&format!("{round} {number}"))).collect());
        world.net.run(100);
    }
    world.net.run(11 * 60 * 1_000);
    world.net.connect(0, 1);
    let mut crashes = 0;
    for _ in 0..400 {
        world.net.run(2);
        let held = world.net.store(1).all().len();
        if crashes < 3 && held > 1_500 * (crashes + 1) {
            crashes += 1;
            world.net.store(1).checkpoint();
            world.net.crash(1);
            world.net.restart(1);
            world.net.connect(0, 1);
        }
    }
    world.net.run(5_000);
    assert_eq!(crashes, 3);
    assert!(world.all_equal());
    // What was brought before a crash is not brought again, but for a page or two.
    let brought = world.net.sync_bytes;
    let raw: usize = world.net.store(0).all().iter().map(|stored| stored.envelope.bytes().len()).sum();
    assert!(brought < raw as u64 + 3 * 3 * 1_048_576, "{brought} bytes for {raw}");
    assert!(
        world.net.store(1).get(&[&[0x62][..], &world.net.peer(0).0].concat()).unwrap().is_none(),
        "no cursor is left"
    );
}
