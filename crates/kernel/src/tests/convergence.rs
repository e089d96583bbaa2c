//! After everything that went wrong is healed, all nodes hold the same, and nothing that was acknowledged is missing.

use super::*;
use crate::digest;
use crate::random::Choices;
use crate::store::Store;
use crate::{Input, Node, Outbox};
use proptest::prelude::*;
use tidepool_protocol::AuthorId;
use tidepool_views::Cursor;

/// What a run leaves behind.
struct Run {
    world: World,
    acknowledged: Vec<EnvelopeId>,
}

/// Three nodes with two agents each, links that lose and reorder, cuts and crashes; then everything is healed.
fn run(seed: u64) -> Run {
    let faults = Faults { loss: 150, delay_ms: 60 };
    let mut world = World::new(seed, faults, 3, 2);
    let mut choices = Choices::new(seed.wrapping_mul(0x9e37_79b9));
    world.link_all();
    for agent in 0..6 {
        world.register(agent);
    }
    let mut tickets: Vec<(usize, Ticket)> = Vec::new();
    let mut acknowledged: Vec<EnvelopeId> = Vec::new();
    for turn in 0..60 {
        let agent = choices.below(6);
        let at = world.home(agent);
        if world.net.node(at).is_some() {
            let target = acknowledged.get(choices.below(acknowledged.len())).copied();
            let item = match target {
                Some(target) if choices.below(2) == 0 => vote(target),
                Some(_) | None => post(&format!("post {turn}")),
            };
            tickets.push((at, world.compose(agent, vec![item])));
        }
        match choices.below(12) {
            0 => world.net.disconnect(choices.below(3), choices.below(3)),
            1 => world.net.connect(choices.below(3), choices.below(3)),
            2 => {
                let victim = choices.below(3);
                if choices.below(2) == 0 {
                    world.net.store(victim).checkpoint();
                }
                world.net.crash(victim);
                world.net.run(choices.below(500) as u64);
                world.net.restart(victim);
                world.net.connect(victim, (victim + 1) % 3);
            }
            _ => {}
        }
        // Often nothing has been flushed when a crash comes.
        let ms = choices.below(120) as u64;
        world.net.run(ms);
        gather(&world, &mut tickets, &mut acknowledged);
    }
    world.net.run(3_000);
    gather(&world, &mut tickets, &mut acknowledged);
    world.net.faults = Faults::NONE;
    world.link_all();
    world.net.run(20_000);
    Run { world, acknowledged }
}

/// What was acknowledged by now.
fn gather(world: &World, tickets: &mut Vec<(usize, Ticket)>, acknowledged: &mut Vec<EnvelopeId>) {
    tickets.retain(|(at, ticket)| match world.net.replies.get(&(*at, *ticket)) {
        Some(Ok(receipt)) => {
            acknowledged.extend(receipt.envelopes.iter().map(|(id, _)| *id));
            false
        }
        Some(Err(_)) => false,
        None => true,
    });
}

fn check_healed(seed: u64) {
    let Run { world, acknowledged } = run(seed);
    assert!(acknowledged.len() > 20, "seed {seed}: only {} were acknowledged", acknowledged.len());
    assert!(world.net.halted.is_empty());
    for at in 0..3 {
        let lacking = acknowledged.iter().filter(|id| !world.holds(at, id)).count();
        assert_eq!(lacking, 0, "seed {seed}: node {at} lacks acknowledged envelopes");
        check_digests(&world, at);
    }
    assert!(world.all_equal(), "seed {seed}: digests differ");
}

/// The digests are those of the log, and a fold from the start gives every derived row again.
fn check_digests(world: &World, at: usize) {
    let store = world.net.store(at);
    let mut sum = tidepool_protocol::digest::SetSum::default();
    store.all().iter().for_each(|stored| sum.add(&stored.envelope.id()));
    assert_eq!(digest::all(store).unwrap().together(), sum);
    let rows = store.derived_rows();
    let mut again = store.clone();
    again.clear_derived().unwrap();
    let node = &world.nodes[at];
    let settings = NodeSettings::archive(network(), node.id, node.key.public_key());
    Node::new(again.clone(), Keys::default(), settings).step(Input::Started, START, &mut Outbox::default());
    assert_eq!(digest::all(&again).unwrap().together(), sum);
    assert_eq!(again.derived_upto(), Store::head(&again));
    let lost: Vec<u8> = rows.keys().filter(|key| !again.derived_rows().contains_key(*key)).map(|key| key[0]).collect();
    assert!(lost.is_empty(), "rows of families {lost:02x?} were not folded again");
}

#[test]
fn the_kept_seeds_converge() {
    let seeds = include_str!("../../tests/seeds.txt");
    for seed in seeds.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.trim().parse().ok()) {
        check_healed(seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn any_seed_converges(seed in 1_000u64..1_000_000_000) {
        check_healed(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_effects() {
    let (first, second) = (run(99), run(99));
    assert_eq!(first.world.net.trace, second.world.net.trace);
    assert_ne!(first.world.net.trace, run(100).world.net.trace);
}

#[test]
fn an_empty_node_gets_everything_by_sync_alone() {
    let mut world = World::new(11, Faults::NONE, 2, 4);
    for agent in 0..4 {
        world.register(agent);
    }
    for batch in 0..10 {
        for agent in 0..4 {
            world.compose(agent, (0..40).map(|number| post(&format!("{batch} {number}"))).collect());
        }
        world.net.run(20);
    }
    // Beyond what gossip carries.
    world.net.run(11 * 60 * 1_000);
    world.net.connect(0, 1);
    world.net.run(3_000);
    assert!(world.all_equal());
    let counters = world.net.counters(1);
    assert_eq!(counters.admitted_gossip, 0);
    assert!(counters.admitted_sync > 1_600);
    assert_eq!(counters.pending, 0);
    assert!(world.net.counters(0).served < 120, "{} requests", world.net.counters(0).served);
}

#[test]
fn two_nodes_with_a_common_part_and_parts_of_their_own_converge() {
    let mut world = World::new(12, Faults::NONE, 2, 2);
    let fill = |world: &mut World, agents: std::ops::Range<usize>, name: &str| {
        for round in 0..8 {
            for agent in agents.clone() {
                world.compose(agent, (0..100).map(|number| post(&format!("{name} {round} {number}"))).collect());
            }
            world.net.run(1_000);
        }
    };
    (0..4).for_each(|agent| world.register(agent));
    world.net.connect(0, 1);
    fill(&mut world, 0..4, "common");
    world.net.run(2_000);
    assert!(world.all_equal());
    world.net.disconnect(0, 1);
    fill(&mut world, 0..2, "left");
    fill(&mut world, 2..4, "right");
    world.net.run(11 * 60 * 1_000);
    let before = [0, 1].map(|at| world.net.counters(at));
    world.net.connect(0, 1);
    world.net.run(3_000);
    assert!(world.all_equal());
    for (at, before) in before.into_iter().enumerate() {
        let after = world.net.counters(at);
        assert_eq!(after.admitted_sync - before.admitted_sync, 1_600);
        // What both had is not sent again: about 400 bytes an envelope, and little more.
        let bytes = after.sync_bytes_in - before.sync_bytes_in;
        assert!(bytes < 1_600 * 700, "{bytes} bytes");
    }
}

#[test]
fn an_idle_pair_says_little() {
    let mut world = World::with(13, Faults::NONE, 2, 1, &|settings| settings.anti_entropy_ms = 30_000);
    world.register(0);
    world.post(0, "one");
    world.link_all();
    world.net.run(10_000);
    assert!(world.all_equal());
    let before = world.net.counters(0);
    world.net.run(60_000);
    let after = world.net.counters(0);
    let bytes = after.sync_bytes_in + after.sync_bytes_out - before.sync_bytes_in - before.sync_bytes_out;
    assert!(bytes > 0 && bytes <= 1_000, "{bytes} bytes of answers a minute");
    assert!(after.sync_equal > before.sync_equal);
}

#[test]
fn a_failed_append_halts_once_and_for_all() {
    let mut world = World::new(14, Faults::NONE, 1, 1);
    world.register(0);
    world.net.store(0).fail_appends();
    let ticket = world.compose(0, vec![post("lost")]);
    world.net.run(100);
    assert!(world.net.halted.contains(&0));
    assert!(!world.net.replies.contains_key(&(0, ticket)), "nothing is promised");
    let trace = world.net.trace;
    world.compose(0, vec![post("more")]);
    world.net.run(60_000);
    assert_eq!(world.net.trace, trace, "nothing more is taken");
}

#[test]
fn a_shutdown_writes_and_answers_what_waits() {
    let mut world = World::new(15, Faults::NONE, 1, 1);
    world.register(0);
    let ticket = world.compose(0, vec![post("last")]);
    world.net.inject(0, Input::Shutdown);
    let late = world.compose(0, vec![post("late")]);
    world.net.run(100);
    assert!(world.reply(0, ticket).is_ok());
    assert_eq!(world.reply(0, late), Err(LocalError::Stopping));
    assert!(world.net.node(0).unwrap().is_idle());
    assert_eq!(Store::head(world.net.store(0)), world.net.store(0).flush());
}

#[test]
fn a_node_starts_where_its_derived_rows_end() {
    let mut world = World::new(16, Faults::NONE, 1, 1);
    world.register(0);
    world.post(0, "one");
    world.net.store(0).checkpoint();
    let two = world.post(0, "two");
    world.net.crash(0);
    assert!(world.net.store(0).derived_upto() < Store::head(world.net.store(0)));
    assert!(world.net.store(0).derived_upto() > Cursor::START);
    world.net.restart(0);
    assert!(world.holds(0, &two));
    check_digests(&world, 0);
    let author: AuthorId = world.agents[0].author();
    let heads = tidepool_views::logs::heads(world.net.store(0), author, None, 10).unwrap();
    assert_eq!(heads.iter().map(|head| head.id).collect::<Vec<_>>(), [two]);
}

#[test]
fn of_many_at_one_position_the_two_lowest_ids_stay() {
    use tidepool_views::testing::Writer;
    let mut world = World::new(17, Faults::NONE, 2, 1);
    world.register(0);
    let agent = &world.agents[0];
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, general());
    writer.time_ms = START;
    let mut rivals: Vec<_> = (0..12).map(|number| writer.clone().post(&format!("rival {number}"))).collect();
    // One node hears them in the one order, the other in the other: in one frame, and one by one.
    let bundle = |envelopes: &[&tidepool_protocol::Verified<tidepool_protocol::Envelope>]| {
        let envelopes = envelopes.iter().map(|envelope| envelope.bytes().clone()).collect();
        tidepool_protocol::Bundle {
            envelopes,
            identities: vec![world.agents[0].genesis.bytes().clone(), world.nodes[0].genesis.bytes().clone()],
        }
        .encode()
    };
    let topic = super::delivery::topic_of(&rivals[0]);
    let all = bundle(&rivals.iter().collect::<Vec<_>>());
    let single: Vec<Bytes> = rivals.iter().rev().map(|rival| bundle(&[rival])).collect();
    world.net.gossip(0, 1, topic, all);
    world.net.run(50);
    for frame in single {
        world.net.gossip(1, 0, topic, frame);
        world.net.run(50);
    }
    world.net.connect(0, 1);
    world.net.run(5_000);
    rivals.sort_by_key(|rival| rival.id());
    for at in 0..2 {
        let held: Vec<bool> = rivals.iter().map(|rival| world.holds(at, &rival.id())).collect();
        assert_eq!(held.iter().filter(|held| **held).count(), 2);
        assert!(held[0] && held[1]);
        let log = world.net.store(at).all();
        assert_eq!(log.iter().filter(|stored| stored.envelope.header().scope == general()).count(), 2);
        check_digests(&world, at);
    }
    assert!(world.all_equal());
    assert!(world.net.counters(0).evicted > 0 || world.net.counters(0).not_held > 0);
}
