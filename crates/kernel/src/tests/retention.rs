//! Nodes that keep texts for a time only: what they drop follows from the set, their digests stay whole, and what both
//! cover is equal.

use super::*;
use crate::digest;
use crate::retention::{Retention, plan};
use crate::store::Store;
use crate::testing::MemoryStore;
use std::collections::BTreeMap;
use tidepool_protocol::Shard;
use tidepool_views::queries::{Feed, Paging, Sort, posts};
use tidepool_views::{Cursor, Envelopes, Origin};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

const TWO_DAYS: Retention = Retention { days: 2, bytes_per_shard: 0 };

/// An archive, and nodes that keep two days; an agent at each but the last posts once a day.
fn week(nodes: u64, days: u64) -> (World, Vec<EnvelopeId>) {
    let mut world = World::with(41, Faults::NONE, nodes, 1, &|settings| {
        settings.anti_entropy_ms = 10 * 60 * 1_000;
        settings.checkpoint_ms = 0;
        let is_archive = settings.seed == 41;
        settings.retention = if is_archive { Retention::ARCHIVE } else { TWO_DAYS };
    });
    let last = world.nodes.len() - 1;
    for a in 0..last {
        for b in 0..a {
            world.net.connect(a, b);
        }
    }
    let mut ids = Vec::new();
    for agent in 0..last {
        world.register(agent);
    }
    for day in 0..days {
        for agent in 0..last {
            let id = world.post(agent, &format!("day {day} of {agent}"));
            let ticket = world.compose(agent, vec![vote(ids.last().copied().unwrap_or(id))]);
            world.net.run(1_000);
            world.done(agent, ticket);
            ids.push(id);
        }
        world.net.run(DAY_MS - 2_000);
    }
    world.net.run(60_000);
    (world, ids)
}

fn has_body(world: &World, at: usize, id: &EnvelopeId) -> bool {
    let (entry, stored) = index::envelope(world.net.store(at), id).unwrap().unwrap();
    assert_eq!(entry.body, stored.envelope.body().is_some());
    entry.body
}

fn is_local(world: &World, at: usize, id: &EnvelopeId) -> bool {
    index::envelope(world.net.store(at), id).unwrap().unwrap().1.origin == Origin::Local
}

fn feed(store: &MemoryStore, now: TimeMs) -> Vec<EnvelopeId> {
    let page = posts::page(store, &Feed::Community(general()), Sort::New, Paging::first(100), now).unwrap();
    page.items.into_iter().map(|post| post.signed.id).collect()
}

#[test]
fn of_old_texts_the_bodies_go_and_the_digests_stay() {
    let (world, ids) = week(4, 5);
    let horizon = (world.net.now.0 / DAY_MS - 2) * DAY_MS;
    for at in 0..3 {
        assert!(ids.iter().all(|id| world.holds(at, id)), "an id is gone");
        assert!(world.net.equal(0, at), "the digests of a node that pruned differ");
        let mut dropped = 0_usize;
        for id in &ids {
            let (_, stored) = index::envelope(world.net.store(at), id).unwrap().unwrap();
            let goes = at > 0 && stored.envelope.header().time_ms.0 < horizon && !is_local(&world, at, id);
            assert_eq!(has_body(&world, at, id), !goes, "{stored:?}");
            dropped += usize::from(goes);
        }
        assert_eq!(usize::try_from(world.net.counters(at).pruned).unwrap(), dropped);
        assert!(at == 0 || dropped >= 4, "{dropped} were dropped");
        let shown = feed(world.net.store(at), world.net.now);
        assert!(shown.iter().all(|id| has_body(&world, at, id)));
        assert_eq!(shown.len(), ids.len() - dropped, "a post without its text is shown");
    }
    // A horizon is said to peers: what both cover is compared, and nothing else is asked for.
    let from = world.net.node(1).unwrap().cover().from(general().slot()).unwrap();
    assert_eq!(from.0, horizon);
    assert_eq!(world.net.node(1).unwrap().cover(), world.net.node(2).unwrap().cover(), "equal policies differ");
    let refused = &world.net.counters(0).refused;
    assert_eq!(refused.get("no_body"), None, "an envelope without its body was handed out");
}

#[test]
fn a_new_node_gets_from_a_pruned_one_what_it_has_and_asks_for_no_more() {
    let (mut world, ids) = week(4, 5);
    let horizon = (world.net.now.0 / DAY_MS - 2) * DAY_MS;
    world.net.connect(3, 1);
    world.net.run(60_000);
    for id in &ids {
        let (_, stored) = index::envelope(world.net.store(1), id).unwrap().unwrap();
        let is_young = stored.envelope.header().time_ms.0 >= horizon;
        assert_eq!(world.holds(3, id), is_young, "{:?}", stored.envelope.header().time_ms);
    }
    let counters = world.net.counters(3);
    assert!(counters.sync_done > 0 && counters.sync_failed == 0, "{counters:?}");
    assert_eq!(counters.refused.get("no_body"), None, "{counters:?}");
    let before = world.net.counters(3).sync_bytes_in;
    world.net.run(60 * 60 * 1_000);
    let counters = world.net.counters(3);
    assert!(counters.sync_bytes_in - before < 16 * 1_024, "an equal pair goes on asking: {counters:?}");
}

#[test]
fn a_pruned_node_that_crashes_or_folds_again_gives_the_same_answers() {
    let (mut world, _) = week(4, 4);
    let answers = |world: &World| (feed(world.net.store(1), world.net.now), digest::all(world.net.store(1)).unwrap());
    let cover = world.net.node(1).unwrap().cover().clone();
    let before = answers(&world);
    // Derived rows of the last checkpoint, if any, are from before the bodies went.
    world.net.crash(1);
    world.net.restart(1);
    world.net.run(1_000);
    assert_eq!(answers(&world), before, "after a crash");
    world.net.crash(1);
    let mut store = world.net.store(1).clone();
    store.clear_derived().unwrap();
    world.net.restart(1);
    world.net.run(1_000);
    assert_eq!(answers(&world), before, "after a fold from the start");
    assert_eq!(*world.net.node(1).unwrap().cover(), cover, "the horizon is forgotten");
}

#[test]
fn derived_rows_from_before_a_pruning_are_folded_anew() {
    let (mut world, ids) = week(4, 3);
    assert!(ids.iter().all(|id| has_body(&world, 1, id) || !is_local(&world, 1, id)));
    world.net.store(1).checkpoint();
    world.net.run(DAY_MS);
    let pruned = world.net.counters(1).pruned;
    assert!(pruned > 0);
    let before = feed(world.net.store(1), world.net.now);
    world.net.crash(1);
    world.net.restart(1);
    world.net.run(1_000);
    assert_eq!(feed(world.net.store(1), world.net.now), before);
    let count = |rows: &MemoryStore| tidepool_views::queries::stats::stats(rows).unwrap();
    let mut anew = world.net.store(1).clone();
    let counted = count(&anew);
    world.net.crash(1);
    anew.clear_derived().unwrap();
    world.net.restart(1);
    assert_eq!(count(world.net.store(1)), counted, "counters remember what is gone");
}

#[test]
fn a_limit_of_bytes_drops_whole_days_and_never_today() {
    let (world, ids) = week(2, 5);
    let store = world.net.store(0);
    let genesis = network();
    let shard = Shard::of(general().slot(), genesis.params.shards).unwrap();
    let plan_of = |retention| {
        let plans = plan(store, &genesis, retention, world.net.now).unwrap();
        *plans.iter().find(|plan| plan.shard == shard).unwrap()
    };
    let all = plan_of(Retention::ARCHIVE);
    assert_eq!((all.horizon, all.envelopes, all.bytes), (TimeMs(0), 0, 0));
    let mut of_days: BTreeMap<u64, u64> = BTreeMap::new();
    for id in &ids {
        let (_, stored) = index::envelope(store, id).unwrap().unwrap();
        *of_days.entry(stored.envelope.header().time_ms.0 / DAY_MS).or_default() +=
            stored.envelope.body().unwrap().len() as u64;
    }
    assert_eq!(all.kept_bytes, of_days.values().sum::<u64>());
    let newest: Vec<(u64, u64)> = of_days.iter().rev().map(|(day, bytes)| (*day, *bytes)).collect();
    let two = newest[0].1 + newest[1].1;
    let kept = plan_of(Retention { days: 0, bytes_per_shard: two });
    assert_eq!((kept.horizon.0, kept.kept_bytes), (newest[1].0 * DAY_MS, two + kept_of_own(&world, &ids, newest[1].0)));
    let least = plan_of(Retention { days: 0, bytes_per_shard: 1 });
    assert_eq!(least.horizon.0, world.net.now.0 / DAY_MS * DAY_MS, "today is dropped, too");
    let _ = store.stored_after(Cursor::START, 1).unwrap();
}

/// Bytes of texts before `day` that the first node's own agents signed: they stay.
fn kept_of_own(world: &World, ids: &[EnvelopeId], day: u64) -> u64 {
    let of = |id: &EnvelopeId| {
        let (_, stored) = index::envelope(world.net.store(0), id).unwrap().unwrap();
        let is_old = stored.envelope.header().time_ms.0 / DAY_MS < day;
        (is_old && stored.origin == Origin::Local).then(|| stored.envelope.body().unwrap().len() as u64)
    };
    ids.iter().filter_map(of).sum()
}

/// What lies behind a horizon nobody asks for. A home that was alone for days has what nobody else has.
#[test]
fn a_horizon_waits_for_what_no_peer_has_yet() {
    let mut world = World::with(42, Faults::NONE, 2, 1, &|settings| {
        settings.anti_entropy_ms = 10 * 60 * 1_000;
        settings.checkpoint_ms = 0;
        settings.retention = if settings.seed == 42 { TWO_DAYS } else { Retention::ARCHIVE };
    });
    world.register(0);
    let alone = world.post(0, "to nobody");
    world.net.run(5 * DAY_MS);
    world.net.connect(0, 1);
    world.net.run(60 * 60 * 1_000);
    assert!(world.holds(1, &alone), "what was said alone never reached anybody");
    // Now that a peer has it, the horizon moves.
    world.net.run(DAY_MS);
    let slot = general().slot();
    let horizon = (world.net.now.0 / DAY_MS - 2) * DAY_MS;
    assert_eq!(world.net.node(0).unwrap().cover().from(slot), Some(TimeMs(horizon)));

    // Nor does a clock that was set back make a home say what nobody would ask for.
    let author = world.agents[0].author();
    let items = vec![post("a minute too early")];
    let request = LocalRequest::Compose { author, items, rows: vec![], expect: vec![] };
    let (mut out, early) = (crate::Outbox::default(), TimeMs(horizon - 60_000));
    let node = world.net.node_mut(0).unwrap();
    node.step(crate::Input::Local { ticket: Ticket(9_000), request }, early, &mut out);
    node.step(crate::Input::TurnEnded, early, &mut out);
    let newest = world.net.store(0).all().pop().unwrap();
    assert_eq!((newest.origin, newest.envelope.header().kind), (Origin::Local, Kind::POST));
    assert_eq!(newest.envelope.header().time_ms, TimeMs(horizon), "it lies behind the horizon");
}
