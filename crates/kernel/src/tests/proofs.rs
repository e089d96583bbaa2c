//! What gossip proves against its sender: old news, and crowds at one position. And what an honest peer does that looks like it.

use super::delivery::topic_of;
use super::*;
use crate::{Offence, Verdict};
use bytes::Bytes;
use tidepool_protocol::{Bundle, Envelope, Verified};
use tidepool_views::testing::Writer;

/// Node 0 hears a stranger, node 1, to which it is not linked, and an honest peer, node 2, which is linked to node 0.
fn world() -> (World, Writer) {
    let mut world = World::new(31, Faults::NONE, 3, 1);
    world.register(0);
    world.net.connect(0, 2);
    world.net.run(3_000);
    let agent = &world.agents[0];
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, general());
    writer.time_ms = world.net.now;
    world.net.verdicts.clear();
    (world, writer)
}

/// So many different envelopes at the writer's next position.
fn crowd(writer: &Writer, count: usize) -> Vec<Verified<Envelope>> {
    (0..count).map(|number| writer.clone().post(&format!("one of many {number}"))).collect()
}

/// The stranger gossips these in one frame.
fn hear(world: &mut World, envelopes: &[Verified<Envelope>]) {
    let topic = topic_of(&envelopes[0]);
    let envelopes = envelopes.iter().map(|envelope| envelope.bytes().clone()).collect();
    world.net.gossip(0, 1, topic, Bundle { envelopes, identities: vec![] }.encode());
    world.net.run(100);
}

fn offences(world: &World) -> Vec<Offence> {
    let stranger = world.net.peer(1);
    assert!(world.net.penalties.iter().all(|(at, peer, _)| *at == 0 && *peer == stranger), "{:?}", world.net.penalties);
    world.net.penalties.iter().map(|(.., offence)| *offence).collect()
}

#[test]
fn a_crowd_is_its_senders_fault_and_the_first_few_are_not() {
    let (mut world, writer) = world();
    for (number, envelope) in crowd(&writer, 30).into_iter().enumerate() {
        hear(&mut world, &[envelope]);
        // Two are held, eight more may come of what an honest peer saw first.
        assert_eq!(offences(&world).len(), (number + 1).saturating_sub(10), "after {}", number + 1);
    }
    assert!(offences(&world).iter().all(|offence| *offence == Offence::Crowd));
    let of_0 = world.net.verdicts.iter().filter(|(at, _)| *at == 0).map(|(_, verdict)| *verdict).collect::<Vec<_>>();
    assert_eq!(of_0, [vec![Verdict::Accept; 2], vec![Verdict::Ignore; 28]].concat());
    assert_eq!(world.net.counters(0).frames_crowding, 20);
    // Its home is told of the fork, once; another node's operator can do nothing about it.
    let of = |at: usize| {
        (world.net.counters(at).home_forks, world.net.counters(at).home_fork_last.map(|(author, _)| author))
    };
    assert_eq!((of(0), of(2)), ((1, Some(writer.author)), (0, None)));
}

#[test]
fn a_crowd_in_one_frame_goes_no_further_and_what_came_with_it_does() {
    let (mut world, writer) = world();
    let mut other = Writer::new(writer.author, writer.auth, &writer.key, general());
    other.time_ms = writer.time_ms;
    other.epoch.0 += 1;
    let good = other.post("of another log");
    let mut frame = crowd(&writer, 40);
    frame.push(good.clone());
    hear(&mut world, &frame);
    assert_eq!(offences(&world), [Offence::Crowd], "one frame, one offence");
    assert_eq!(world.net.verdicts[0], (0, Verdict::Ignore), "most of it was new, and a crowd");
    let held = |world: &World, at| frame.iter().filter(|envelope| world.holds(at, &envelope.id())).count();
    assert_eq!(held(&world, 0), 3);
    assert!(world.holds(2, &good.id()), "it was bundled again");
    // The honest peer has two of the crowd at most from gossip, and the same two by anti-entropy.
    world.net.run(10_000);
    assert_eq!(held(&world, 2), 3);
    assert!(world.net.equal(0, 2));
    assert_eq!(offences(&world), [Offence::Crowd], "the honest peer is blamed for nothing");
}

#[test]
fn a_fork_that_honest_peers_forward_is_nobodys_fault_but_the_forkers() {
    let mut world = World::new(32, Faults::NONE, 4, 1);
    world.register(0);
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        world.net.connect(a, b);
    }
    world.net.run(10_000);
    let agent = &world.agents[0];
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, general());
    writer.time_ms = world.net.now;
    let forker = world.net.peer(3);
    // The forker tells each node other envelopes of each position, so that all that they forward is surplus elsewhere.
    let mut forwarded = 0;
    for _ in 0..10 {
        for (number, envelope) in crowd(&writer, 60).into_iter().enumerate() {
            let frame = Bundle { envelopes: vec![envelope.bytes().clone()], identities: vec![] }.encode();
            world.net.gossip(number % 3, 3, topic_of(&envelope), frame);
        }
        writer.post("the next position");
        world.net.verdicts.clear();
        world.net.run(2_000);
        forwarded += world.net.verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Accept).count();
    }
    assert!(forwarded >= 10 * 2, "{forwarded} frames were good somewhere");
    assert!(world.net.penalties.iter().all(|(_, peer, _)| *peer == forker), "what nodes forward is theirs to forward");
    assert!(world.net.penalties.len() > 100, "{} of 600", world.net.penalties.len());
    world.net.run(20_000);
    assert!(world.net.equal(0, 1) && world.net.equal(0, 2));
}

#[test]
fn bundles_of_another_version_are_their_senders_doing() {
    let (mut world, writer) = world();
    let topic = topic_of(&writer.clone().post("of the network's topics"));
    for frames in 1..=2_u8 {
        // [98 and 99, [], []]: gossip brings no frame twice.
        world.net.gossip(0, 1, topic, Bytes::from(vec![0x83, 0x18, 0x61 + frames, 0x80, 0x80]));
        world.net.run(100);
        assert_eq!(offences(&world), vec![Offence::Unreadable; frames.into()]);
    }
    assert_eq!(world.net.counters(0).refused.get("version"), Some(&2));
    assert_eq!(world.net.verdicts, [(0, Verdict::Ignore); 2], "forwarded by nobody");
}

#[test]
fn old_news_are_their_senders_fault_where_another_peers_are_young() {
    let (mut world, writer) = world();
    let mut past = writer.clone();
    past.time_ms = TimeMs(world.net.now.0 - 21 * 60 * 1_000);
    let old = past.post("news of old");
    let asked = |world: &World| world.net.counters(0).refused.get("old").copied().unwrap_or(0);
    hear(&mut world, std::slice::from_ref(&old));
    assert_eq!((offences(&world), asked(&world)), (vec![], 1), "the clock may be wrong: verified, and old");
    // Another frame, or gossip would not bring it again.
    hear(&mut world, &vec![old.clone(); 2]);
    assert_eq!((asked(&world), world.net.counters(0).duplicates), (1, 2), "verified once");

    // Node 2 says something young.
    let young = writer.clone().post("young");
    let frame = Bundle { envelopes: vec![young.bytes().clone()], identities: vec![] }.encode();
    world.net.gossip(0, 2, topic_of(&young), frame);
    world.net.run(1_000);
    assert!(world.holds(0, &young.id()));
    hear(&mut world, &vec![old.clone(); 3]);
    assert_eq!(offences(&world), [Offence::Stale]);
    let mut late = writer.clone();
    late.time_ms = TimeMs(world.net.now.0 - 15 * 60 * 1_000);
    hear(&mut world, &[late.post("late")]);
    assert_eq!((offences(&world).len(), asked(&world)), (1, 2), "too old for gossip, and no proof");
    assert_eq!(world.net.counters(0).frames_stale, 1);
    assert!(!world.holds(0, &old.id()));
}
