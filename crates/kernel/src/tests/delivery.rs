//! From a local request to another node: replies after durability, bundles, verdicts, waiting for identities.

use super::*;
use crate::testing::MemoryStore;
use crate::{Effect, Input, Node, Outbox, Verdict};

#[test]
fn a_post_reaches_every_node_within_its_bundle() {
    let mut world = World::new(1, Faults::NONE, 3, 1);
    world.link_all();
    world.net.run(1_000);
    world.register(0);
    let id = world.post(0, "hello");
    world.net.run(40);
    assert!((0..3).all(|at| world.holds(at, &id)));
    assert!(world.net.counters(1).admitted_gossip >= 2);
    assert!(world.all_equal());
    assert!(!world.net.verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Reject));
}

#[test]
fn nothing_is_said_before_it_is_durable() {
    let soon = T0.plus_ms(1_000);
    let node = TestNode::new(1);
    let settings = NodeSettings::archive(network(), node.id, node.key.public_key());
    let store = MemoryStore::default();
    let mut machine = Node::new(store.clone(), Keys::new([node.key.clone()]), settings);
    let mut outbox = Outbox::default();
    machine.step(Input::Started, soon, &mut outbox);
    let request = LocalRequest::Submit { envelopes: vec![node.genesis.bytes().clone()], rows: vec![], expect: vec![] };
    machine.step(Input::Local { ticket: Ticket(1), request }, soon, &mut outbox);
    let ticket = outbox.0.iter().find_map(|effect| match effect {
        Effect::Verify { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let results = vec![Ok(node.genesis.clone())];
    outbox.0.clear();
    machine.step(Input::Verified { ticket: ticket.unwrap(), results }, soon, &mut outbox);
    machine.step(Input::TurnEnded, soon, &mut outbox);
    assert_eq!(outbox.0, [Effect::Flush]);
    outbox.0.clear();
    machine.step(Input::Durable { upto: store.flush() }, soon, &mut outbox);
    assert!(matches!(outbox.0[..], [Effect::Notify { .. }, Effect::Reply { .. }, Effect::SetTimer { .. }]));
    assert!(machine.is_idle());
}

#[test]
fn an_envelope_that_comes_before_its_author_is_shown_once_the_identity_is_there() {
    let mut world = World::new(2, Faults::NONE, 2, 1);
    world.register(0);
    let id = world.post(0, "early");
    let stored = world.net.store(0).all().pop().unwrap();
    assert_eq!(stored.envelope.id(), id);
    // Alone in its bundle, without the chain that its publisher would have attached.
    let bundle = tidepool_protocol::Bundle { envelopes: vec![stored.envelope.bytes().clone()], identities: vec![] };
    let topic =
        crate::Coverage::Archive.topics(&network()).into_iter().find(|topic| *topic == topic_of(&stored.envelope));
    world.net.gossip(1, 0, topic.unwrap(), bundle.encode());
    world.net.run(10);
    assert!(!world.holds(1, &id));
    assert_eq!(world.net.counters(1).pending, 1);
    assert_eq!(world.net.verdicts, [(1, Verdict::Ignore)]);
    world.net.connect(0, 1);
    world.net.run(200);
    assert!(world.holds(1, &id));
    assert_eq!(world.net.counters(1).pending, 0);
}

#[test]
fn what_found_nobody_is_offered_again_when_somebody_listens() {
    let mut world = World::new(3, Faults::NONE, 2, 1);
    world.register(0);
    let id = world.post(0, "alone");
    world.net.run(1_000);
    assert!(world.net.counters(0).outbox > 0);
    world.net.connect(0, 1);
    world.net.run(6_000);
    assert!(world.holds(1, &id));
    assert_eq!(world.net.counters(0).outbox, 0);
}

#[test]
fn a_clock_that_is_set_back_delays_nothing() {
    let mut world = World::new(5, Faults::NONE, 2, 1);
    world.link_all();
    world.net.run(1_000);
    world.register(0);
    world.net.run(1_000);
    let ticket = world.compose(0, vec![post("its bundle is open")]);
    world.net.run(10);
    let before = world.done(0, ticket).envelopes[0].0;
    assert!(!world.holds(1, &before), "it is not sent yet");
    world.net.set_clock(0, -100_000);
    world.net.run(60);
    assert!(world.holds(1, &before));
    // A round was due that the receiver waits for.
    world.net.disconnect(0, 1);
    let missed = world.post(0, "while nobody listens");
    world.net.run(500);
    world.net.set_clock(1, -100_000);
    world.net.connect(0, 1);
    world.net.run(3_000);
    assert!(world.holds(1, &missed) && world.all_equal());
    assert_eq!((world.net.counters(1).sessions, world.net.counters(1).requests), (0, 0));
}

pub(super) fn topic_of(envelope: &tidepool_protocol::Envelope) -> tidepool_protocol::slot::Topic {
    use tidepool_protocol::slot::Topic;
    match tidepool_protocol::Shard::of(envelope.header().slot(), network().params.shards) {
        Some(shard) => Topic::Shard { generation: 0, shard },
        None => Topic::Ctl,
    }
}

#[test]
fn what_is_too_old_for_gossip_is_left_to_sync_from_the_start() {
    let mut world = World::with(4, Faults::NONE, 2, 1, &|settings| settings.anti_entropy_ms = 30_000);
    world.link_all();
    world.net.run(2_000);
    // The genesis of an agent is signed at the beginning of the week, an hour ago.
    let before = world.net.counters(0).bundles;
    world.register(0);
    world.net.run(1_000);
    assert_eq!(world.net.counters(0).bundles, before);
    assert_eq!(world.net.counters(0).outbox, 2, "the node's own genesis and the agent's");
    world.net.run(62_000);
    assert!(world.holds(1, &world.agents[0].genesis.id()));
    assert_eq!(world.net.counters(0).outbox, 0, "the peer's digest covers it");
    assert!(!world.net.verdicts.iter().any(|(_, verdict)| *verdict != Verdict::Accept));
}
