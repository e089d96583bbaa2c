//! What a scripted peer sends that no honest one would: it changes nothing, and it is counted.

use super::delivery::topic_of;
use super::*;
use crate::peer::{Channel, GossipId, RequestId};
use crate::testing::MemoryStore;
use crate::{Effect, Input, Node, Offence, Outbox, RequestFailure, Verdict};
use proptest::prelude::*;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::sync::{SyncAnswer, SyncRequest};
use tidepool_protocol::{Bundle, Envelope, Verified};
use tidepool_views::testing::Writer;

/// A world in which node 0 hears a stranger, node 1, to which it is not linked; agent 0 is known to node 0.
fn world() -> (World, Writer) {
    let mut world = World::new(21, Faults::NONE, 2, 1);
    world.register(0);
    let agent = &world.agents[0];
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, general());
    writer.time_ms = START;
    (world, writer)
}

fn bundle(envelopes: &[&Verified<Envelope>]) -> Bytes {
    let envelopes = envelopes.iter().map(|envelope| envelope.bytes().clone()).collect();
    Bundle { envelopes, identities: vec![] }.encode()
}

fn topic() -> Topic {
    let slot = general().slot();
    let shard = tidepool_protocol::Shard::of(slot, network().params.shards).unwrap();
    Topic::Shard { generation: 0, shard }
}

/// The verdict on a frame, and that nothing was stored.
fn check(world: &mut World, frame: Bytes, verdict: Verdict, reason: Option<&str>) {
    check_on(world, topic(), frame, verdict, reason);
}

fn check_on(world: &mut World, topic: Topic, frame: Bytes, verdict: Verdict, reason: Option<&str>) {
    let before = world.net.store(0).all().len();
    world.net.verdicts.clear();
    world.net.gossip(0, 1, topic, frame);
    world.net.run(50);
    assert_eq!(world.net.verdicts, [(0, verdict)], "{reason:?}");
    assert_eq!(world.net.store(0).all().len(), before);
    if let Some(reason) = reason {
        let refused = world.net.counters(0).refused;
        assert!(refused.contains_key(reason), "{reason} was not counted: {refused:?}");
    }
}

#[test]
fn garbage_and_forgeries_are_rejected() {
    let (mut world, mut writer) = world();
    check(&mut world, Bytes::from_static(b"garbage"), Verdict::Reject, Some("malformed"));
    let post = writer.post("one");
    let frame = bundle(&[&post]);
    check(&mut world, frame.slice(..frame.len() - 1), Verdict::Reject, Some("malformed"));
    let forged = {
        let mut bytes = post.bytes().to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        Bundle { envelopes: vec![bytes.into()], identities: vec![] }.encode()
    };
    check(&mut world, forged.clone(), Verdict::Reject, Some("signature"));
    // The same bytes again, in another frame: known to be bad without another look.
    let again = Bundle::decode(&forged).unwrap();
    let twice = Bundle { envelopes: vec![again.envelopes[0].clone(), post.bytes().clone()], identities: vec![] };
    check(&mut world, twice.encode(), Verdict::Reject, Some("failed_before"));
}

#[test]
fn what_breaks_a_rule_of_admission_is_rejected() {
    let (mut world, writer) = world();
    let stranger = TestAgent::new(9_000, "stranger", &world.nodes[0], 1);
    let change = |change: &dyn Fn(&mut Writer)| {
        let mut writer = writer.clone();
        change(&mut writer);
        writer.post("bad")
    };
    let of = |envelope: &Verified<Envelope>| bundle(&[envelope]);
    let foreign_key = change(&|writer| writer.key = stranger.key.clone());
    check(&mut world, of(&foreign_key), Verdict::Reject, Some("key_not_listed"));
    let no_prev = change(&|writer| writer.seq = 3);
    check(&mut world, of(&no_prev), Verdict::Reject, Some("no_prev"));
    let other_week = change(&|writer| writer.epoch.0 += 16);
    check(&mut world, of(&other_week), Verdict::Reject, Some("week"));
    let many = change(&|writer| {
        writer.seq = 10_000_000;
        writer.prev = Some(EnvelopeId([1; 32]));
    });
    check(&mut world, of(&many), Verdict::Reject, Some("quota"));
    let not_open = change(&|writer| writer.scope = "c/elsewhere".parse().unwrap());
    check_on(&mut world, topic_of(&not_open), of(&not_open), Verdict::Reject, Some("not_open"));
    let here = change(&|writer| writer.scope = Scope::Agent(stranger.id));
    check_on(&mut world, topic_of(&here), of(&here), Verdict::Reject, Some("scope"));
    let good = change(&|_| {});
    let wrong = Topic::Ctl;
    check_on(&mut world, wrong, of(&good), Verdict::Reject, Some("topic"));
    let bare = Bundle { envelopes: vec![good.without_body().bytes().clone()], identities: vec![] };
    check(&mut world, bare.encode(), Verdict::Reject, Some("no_body"));
}

#[test]
fn the_future_the_past_and_the_unknown_are_ignored() {
    let (mut world, writer) = world();
    let mut ahead = writer.clone();
    ahead.time_ms = world.net.now.plus_ms(3 * 60 * 1_000);
    check(&mut world, bundle(&[&ahead.post("ahead")]), Verdict::Ignore, Some("future"));
    let mut behind = writer.clone();
    behind.time_ms = TimeMs(world.net.now.0 - 11 * 60 * 1_000);
    check(&mut world, bundle(&[&behind.post("behind")]), Verdict::Ignore, Some("old"));
    let stranger = TestAgent::new(9_000, "stranger", &world.nodes[0], 1);
    let mut unknown = Writer::new(stranger.author(), stranger.state.operation, &stranger.key, general());
    unknown.time_ms = START;
    check(&mut world, bundle(&[&unknown.post("unknown")]), Verdict::Ignore, None);
    assert_eq!(world.net.counters(0).pending, 1);
    world.net.run(120_000);
    let counters = world.net.counters(0);
    assert_eq!((counters.pending, counters.pending_dropped), (0, 1), "nobody had the identity in time");
}

#[test]
fn a_replay_is_ignored() {
    let (mut world, mut writer) = world();
    let post = writer.post("one");
    world.net.gossip(0, 1, topic(), bundle(&[&post]));
    world.net.run(50);
    assert!(world.holds(0, &post.id()));
    let replay =
        Bundle { envelopes: vec![post.bytes().clone()], identities: vec![world.agents[0].genesis.bytes().clone()] };
    check(&mut world, replay.encode(), Verdict::Ignore, None);
    assert!(world.net.counters(0).duplicates >= 2);
}

#[test]
fn the_good_part_of_an_ignored_bundle_is_kept_and_bundled_again() {
    let mut world = World::new(22, Faults::NONE, 3, 1);
    world.register(0);
    world.net.connect(0, 2);
    world.net.run(3_000);
    let agent = &world.agents[0];
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, general());
    writer.time_ms = world.net.now;
    let good = writer.post("good");
    writer.time_ms = world.net.now.plus_ms(5 * 60 * 1_000);
    let ahead = writer.post("ahead");
    world.net.verdicts.clear();
    world.net.gossip(0, 1, topic(), bundle(&[&good, &ahead]));
    world.net.run(100);
    assert_eq!(world.net.verdicts, [(0, Verdict::Ignore), (2, Verdict::Accept)]);
    assert!(world.holds(0, &good.id()) && world.holds(2, &good.id()));
    assert!(!world.holds(0, &ahead.id()));
}

#[test]
fn a_flood_is_ignored_and_compared_later() {
    let mut world = World::with(23, Faults::NONE, 2, 1, &|settings| settings.limits.gossip_frames_burst = 10);
    world.register(0);
    world.net.verdicts.clear();
    for number in 0u32..2_000 {
        world.net.gossip(0, 1, topic(), Bytes::copy_from_slice(&number.to_be_bytes()));
    }
    let ignored = world.net.verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Ignore).count();
    assert_eq!(ignored, 1_990);
    assert_eq!(world.net.counters(0).frames_dropped["rate"], 1_990);
}

#[test]
fn a_peer_beyond_its_budget_is_answered_busy() {
    let (mut world, _) = world();
    let from = world.net.peer(1);
    let frame = SyncRequest::Heads(world.agents[0].author()).encode();
    for number in 0..1_000 {
        world.net.inject(0, Input::Request { from, channel: Channel(number), frame: frame.clone() });
    }
    let counters = world.net.counters(0);
    assert_eq!((counters.served, counters.served_busy), (400, 600));
}

/// One node that is fed by hand.
fn machine() -> (Node<MemoryStore, Keys>, MemoryStore, TestNode) {
    let node = TestNode::new(1);
    let store = MemoryStore::default();
    let settings = NodeSettings::archive(network(), node.id, node.key.public_key());
    let mut machine = Node::new(store.clone(), Keys::new([node.key.clone()]), settings);
    machine.step(Input::Started, START, &mut Outbox::default());
    (machine, store, node)
}

#[test]
fn answers_that_were_not_asked_for_are_nothing() {
    let (mut machine, store, node) = machine();
    let mut outbox = Outbox::default();
    let answer = SyncAnswer::Envelopes { envelopes: vec![node.genesis.bytes().clone()], next: None, gone: vec![] };
    machine.step(Input::Response { request: RequestId(7), result: Ok(answer.encode()) }, START, &mut outbox);
    machine.step(Input::Verified { ticket: Ticket(7), results: vec![Ok(node.genesis.clone())] }, START, &mut outbox);
    machine.step(Input::Response { request: RequestId(8), result: Err(RequestFailure::Busy) }, START, &mut outbox);
    machine.step(Input::TurnEnded, START, &mut outbox);
    assert_eq!(outbox.0, []);
    assert!(store.all().is_empty());
}

#[test]
fn an_answer_of_another_kind_ends_the_session() {
    let (mut machine, _, _) = machine();
    let peer = TestNode::new(5).key.public_key();
    let mut outbox = Outbox::default();
    machine.step(Input::PeerConnected { peer }, START, &mut outbox);
    let Some(Effect::Request { request, .. }) = outbox.0.first().cloned() else { panic!("a session begins") };
    let result = Ok(SyncAnswer::Blob(None).encode());
    machine.step(Input::Response { request, result }, START, &mut outbox);
    let counters = machine.counters();
    assert_eq!((counters.sync_begun, counters.sync_failed, counters.sync_done), (1, 1, 0));
    assert_eq!(counters.refused["sync_malformed"], 1);
}

/// What an archive covers.
fn whole() -> Vec<tidepool_protocol::sync::Horizon> {
    crate::Cover::of(&crate::Coverage::Archive, &network()).horizons().to_vec()
}

#[test]
fn a_peer_whose_lists_never_end_is_left_at_last() {
    use tidepool_protocol::sync::{Digest, Point};
    let (mut machine, ..) = machine();
    let peer = TestNode::new(5).key.public_key();
    let mut outbox = Outbox::default();
    let mut now = START;
    machine.step(Input::PeerConnected { peer }, now, &mut outbox);
    let mut asked = 0;
    while machine.counters().sync_failed == 0 && asked < 100_000 {
        now = now.plus_ms(1_000);
        for effect in std::mem::take(&mut outbox.0) {
            let Effect::Request { request, frame, .. } = effect else { continue };
            asked += 1;
            let fingerprint = tidepool_protocol::digest::Fingerprint([9; 16]);
            let answer = match SyncRequest::decode(&frame).unwrap() {
                SyncRequest::Digest(runs) => {
                    SyncAnswer::Digests { digests: vec![Digest { count: 1, fingerprint }; runs.len()], covers: whole() }
                }
                SyncRequest::Range { range, .. } => {
                    let next = Point { time_ms: range.from.time_ms.plus_ms(1), ..range.from };
                    SyncAnswer::Envelopes { envelopes: vec![], next: Some(next), gone: vec![] }
                }
                other => panic!("{other:?} was not expected"),
            };
            machine.step(Input::Response { request, result: Ok(answer.encode()) }, now, &mut outbox);
        }
        machine.step(Input::Timer(crate::Timer::AntiEntropy), now, &mut outbox);
        machine.step(Input::TurnEnded, now, &mut outbox);
    }
    assert!((2_400..3_000).contains(&asked), "{asked} requests in fifteen minutes, three a second");
}

#[test]
fn what_is_void_is_kept_and_counted() {
    let (mut world, mut writer) = world();
    let unfit = writer.write(Kind::POST, vec![0x80]);
    world.net.gossip(0, 1, topic(), bundle(&[&unfit]));
    world.net.run(50);
    assert!(world.holds(0, &unfit.id()));
    assert_eq!(world.net.counters(0).void, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_bytes_from_a_peer_make_a_node_stumble(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let (mut machine, store, _) = machine();
        let from = TestNode::new(5).key.public_key();
        for (number, frame) in frames.into_iter().enumerate() {
            let (frame, number) = (Bytes::from(frame), number as u64);
            let mut outbox = Outbox::default();
            let id = GossipId(number);
            machine.step(Input::Gossip { id, from, topic: Topic::Ctl, frame: frame.clone() }, START, &mut outbox);
            let judged = match outbox.0[..] {
                [Effect::Judge { verdict: Verdict::Reject | Verdict::Ignore, .. }] => true,
                // What is of another version is counted against who made it.
                [Effect::Judge { verdict: Verdict::Ignore, .. }, Effect::Penalise { offence: Offence::Unreadable, .. }] => true,
                _ => false,
            };
            prop_assert!(judged, "{:?}", outbox.0);
            machine.step(Input::Request { from, channel: Channel(number), frame }, START, &mut outbox);
            let answered = matches!(outbox.0.last(), Some(Effect::Respond { .. }));
            prop_assert!(answered);
        }
        prop_assert!(store.all().is_empty());
    }
}
