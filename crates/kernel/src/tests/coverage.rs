//! Nodes of some shards: what their agents say elsewhere is not lost, what they need is held, and whoever changes what it
//! holds at a restart converges again.
#![allow(clippy::cast_possible_truncation)]

use super::*;
use crate::retention::{Retention, plan};
use crate::{Cover, Coverage, digest, held};
use std::collections::BTreeSet;
use tidepool_protocol::body::Subscribe;
use tidepool_protocol::{Shard, Slot};
use tidepool_views::testing::network;

const SHARDS: u16 = 4;

fn shard_of(scope: &Scope) -> Shard {
    Shard::of(scope.slot(), SHARDS).unwrap()
}

/// The shard of `c/general`, and another one.
fn general_and_other() -> (Shard, Shard) {
    let of = shard_of(&general());
    (of, Shard((of.0 + 1) % SHARDS))
}

/// Two nodes; the second holds `shards` and has an agent at home.
fn pair(shards: impl IntoIterator<Item = Shard>, anti_entropy_ms: u64) -> World {
    let coverage = Coverage::Shards(shards.into_iter().collect());
    let mut world = World::with(51, Faults::NONE, 2, 1, &|settings| {
        settings.anti_entropy_ms = anti_entropy_ms;
        if settings.seed == 52 {
            settings.coverage = coverage.clone();
        }
    });
    world.register(1);
    world
}

fn held_by(world: &World, at: usize) -> BTreeSet<Shard> {
    match held(world.net.store(at)).unwrap() {
        Coverage::Archive => (0..SHARDS).map(Shard).collect(),
        Coverage::Shards(shards) => shards,
    }
}

fn of(world: &World, at: usize, shard: Shard) -> digest::Sums {
    digest::shard(world.net.store(at), shard, SHARDS).unwrap()
}

fn assert_equal_where_held(world: &World, at: usize) {
    for shard in held_by(world, at) {
        assert_eq!(of(world, at, shard), of(world, 0, shard), "shard {} of node {at}", shard.0);
    }
    let ctl = |at: usize| digest::slot(world.net.store(at), Slot::CTL).unwrap();
    assert_eq!(ctl(at), ctl(0));
}

#[test]
fn what_an_agent_says_beyond_its_nodes_shards_is_asked_for_when_gossip_lost_it() {
    let (general, other) = general_and_other();
    let mut world = pair([other], 2_000);
    assert!(!world.net.node(1).unwrap().cover().is_whole());
    let before = held_by(&world, 1);
    assert!(!before.contains(&general), "the agent's own shard is the community's: choose another seed");
    let id = world.post(1, "from afar");
    assert!(held_by(&world, 1).is_superset(&before));
    assert!(held_by(&world, 1).contains(&general), "the shard of a post is not held");
    assert_eq!(world.net.counters(1).outbox, 3);
    // A crash keeps it: row and post lie in one batch. Gossip does not carry what is so old.
    world.net.crash(1);
    world.net.run(11 * 60 * 1_000);
    world.net.restart(1);
    world.net.connect(0, 1);
    world.net.run(10_000);
    assert!(world.holds(0, &id), "the post is lost");
    assert_eq!(world.net.counters(0).admitted_gossip, 0);
    assert_eq!(world.net.counters(1).outbox, 0, "a peer's digest covers it");
    assert_equal_where_held(&world, 1);
}

#[test]
fn a_shard_that_is_joined_while_the_node_runs_comes_whole_and_at_once() {
    let (general, other) = general_and_other();
    let mut world = pair([other], 60_000);
    world.register(0);
    let old: Vec<_> = (0..20).map(|number| world.post(0, &format!("before {number}"))).collect();
    world.net.connect(0, 1);
    world.net.run(5_000);
    assert!(old.iter().all(|id| !world.holds(1, id)), "what is not held came");
    let id = world.post(1, "an answer is hoped for");
    world.net.run(2_000);
    assert!(world.holds(0, &id));
    assert!(old.iter().all(|id| world.holds(1, id)), "the joined shard waits for the next round");
    assert_eq!(world.net.counters(1).shards_joined, 3 - u64::from(shard_of_agent(&world) == other));
    // And its gossip.
    let new = world.post(0, "afterwards");
    world.net.run(100);
    assert!(world.holds(1, &new));
    let cover = Cover::of(&Coverage::Shards(held_by(&world, 1)), &network());
    assert_eq!(*world.net.node(1).unwrap().cover(), cover);
    assert!(held_by(&world, 1).contains(&general));
}

fn shard_of_agent(world: &World) -> Shard {
    shard_of(&Scope::Agent(world.agents[1].author().as_agent()))
}

#[test]
fn a_subscription_is_a_need_and_ends_with_the_next_start() {
    let (general_shard, other) = general_and_other();
    let mut world = pair([other], 2_000);
    let author = world.agents[1].author();
    let own = Scope::Agent(author.as_agent());
    let subscribe = |on| {
        let body = Subscribe { community: general(), on }.encode().unwrap().into();
        vec![Compose { scope: own.clone(), kind: Kind::SUBSCRIBE, body }]
    };
    let say = |world: &mut World, on| {
        let ticket = world.compose(1, subscribe(on));
        world.net.run(50);
        world.done(1, ticket);
    };
    say(&mut world, false);
    assert!(!held_by(&world, 1).contains(&general_shard));
    say(&mut world, true);
    assert!(held_by(&world, 1).contains(&general_shard));
    world.net.connect(0, 1);
    world.net.run(10_000);
    let restart = |world: &mut World| {
        world.net.crash(1);
        world.net.restart(1);
        world.net.run(10);
    };
    restart(&mut world);
    assert!(held_by(&world, 1).contains(&general_shard), "a start forgets what agents read");
    say(&mut world, false);
    assert!(held_by(&world, 1).contains(&general_shard), "it is left while the node runs");
    world.net.connect(0, 1);
    world.net.run(10_000);
    restart(&mut world);
    let expected: BTreeSet<Shard> = [other, shard_of(&own)].into();
    assert_eq!(held_by(&world, 1), expected, "a start holds what nobody needs");
}

#[test]
fn whoever_changes_what_it_holds_at_a_restart_converges_again() {
    let (general, other) = general_and_other();
    let mut world = World::with(57, Faults { loss: 100, delay_ms: 40 }, 3, 1, &|_| {});
    world.register(0);
    world.link_all();
    let mut written = Vec::new();
    let mut say = |world: &mut World, number: usize| {
        let ids: Vec<_> = (0..5).map(|part| world.post(0, &format!("{number} {part}"))).collect();
        world.net.run(20_000);
        written.extend(ids);
    };
    let of_other = || Coverage::Shards([other].into());
    let of_general = || Coverage::Shards([general].into());
    let ways = [of_other(), of_general(), Coverage::Archive, of_other(), Coverage::Archive, of_general()];
    say(&mut world, 0);
    for (number, coverage) in ways.into_iter().enumerate() {
        world.net.crash(1);
        world.net.restart_with(1, |settings| settings.coverage = coverage.clone());
        world.net.connect(0, 1);
        world.net.connect(1, 2);
        let before = of(&world, 1, general);
        say(&mut world, number + 1);
        world.net.run(20_000);
        assert_equal_where_held(&world, 1);
        assert_equal_where_held(&world, 2);
        let holds = coverage.holds(tests_slot(), SHARDS);
        assert_eq!(of(&world, 1, general) != before, holds, "{coverage:?}");
    }
    assert!(world.net.penalties.is_empty(), "{:?}", world.net.penalties);
}

fn tests_slot() -> Slot {
    general().slot()
}

#[test]
fn texts_of_a_shard_that_is_held_no_longer_go_like_others() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let (general, other) = general_and_other();
    let mut world = World::with(58, Faults::NONE, 2, 1, &|_| {});
    world.register(0);
    world.link_all();
    let id = world.post(0, "kept for two days");
    world.net.run(5_000);
    assert!(world.holds(1, &id));
    world.net.crash(1);
    let keep = Retention { days: 2, bytes_per_shard: 0 };
    world.net.restart_with(1, |settings| {
        settings.coverage = Coverage::Shards([other].into());
        settings.retention = keep;
    });
    world.net.run(1_000);
    assert!(!held_by(&world, 1).contains(&general));
    let body = |world: &World| index::envelope(world.net.store(1), &id).unwrap().unwrap().1.envelope.body().is_some();
    assert!(body(&world));
    world.net.run(4 * DAY_MS);
    let plans = plan(world.net.store(1), &network(), keep, world.net.now).unwrap();
    assert!(plans.iter().all(|plan| plan.envelopes == 0), "{plans:?}");
    assert!(!body(&world), "the text of a shard that is held no longer stays for ever");
}

#[test]
fn who_holds_a_slot_is_asked_about_it() {
    const CARRIER: usize = 4;
    let (general, other) = general_and_other();
    let mut world = World::with(59, Faults::NONE, 6, 1, &|settings| {
        if settings.seed > 59 && settings.seed != 59 + CARRIER as u64 {
            settings.coverage = Coverage::Shards([other].into());
        }
    });
    for at in 1..6 {
        world.net.connect(0, at);
    }
    // Nothing is known of them yet: anybody may hold it.
    let slots: Vec<Slot> = general.slots(SHARDS).collect();
    let carriers = |world: &mut World, slots: &[Slot]| world.net.node_mut(0).unwrap().carriers(slots, 6).len();
    assert_eq!(carriers(&mut world, &slots), 5);
    world.net.run(60_000);
    assert_eq!(world.net.node_mut(0).unwrap().carriers(&slots, 6), [world.net.peer(CARRIER)]);
    assert_eq!(carriers(&mut world, &other.slots(SHARDS).collect::<Vec<_>>()), 5);
    // An author who signs there waits for that peer's heads, and not for whoever could not know.
    world.register(0);
    world.net.crash(0);
    world.net.restart(0);
    world.net.connect(0, 1);
    world.net.connect(0, CARRIER);
    world.net.run(10_000);
    let served = world.net.counters(CARRIER).served;
    world.post(0, "in general");
    assert!(world.net.counters(CARRIER).served > served, "the carrier was not asked");
}
