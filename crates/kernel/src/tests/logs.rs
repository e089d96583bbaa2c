//! Where logs go on after a restore, a fork or another process with the same key; gaps that are filled; checkpoints.

use super::*;
use crate::heads::restored_row;
use crate::store::{Batch, Store};
use tidepool_protocol::body::{Body, Checkpoint, checkpoint_message};
use tidepool_protocol::signer::{Domain, verify_signature};
use tidepool_protocol::{Bundle, Envelope, Epoch, Header, Verified, limits};
use tidepool_views::testing::Writer;
use tidepool_views::{Envelopes, logs};

fn header(world: &World, at: usize, id: &EnvelopeId) -> Header {
    let (_, stored) = index::envelope(world.net.store(at), id).unwrap().unwrap();
    stored.envelope.header().clone()
}

/// A writer that stands where the agent's log in `general` does, as another process with its key would.
fn twin(world: &World, agent: usize, behind: Option<&EnvelopeId>) -> Writer {
    let of = &world.agents[agent];
    let mut writer = Writer::new(of.author(), of.state.operation, &of.key, general());
    writer.time_ms = world.net.now;
    if let Some(id) = behind {
        let header = header(world, world.home(agent), id);
        (writer.epoch, writer.seq, writer.prev) = (header.epoch, header.seq + 1, Some(*id));
    }
    writer
}

fn hear(world: &mut World, at: usize, envelope: &Verified<Envelope>) {
    let topic = super::delivery::topic_of(envelope);
    let frame = Bundle { envelopes: vec![envelope.bytes().clone()], identities: vec![] }.encode();
    world.net.gossip(at, 0, topic, frame);
    world.net.run(100);
}

#[test]
fn a_restored_store_opens_new_logs_though_nobody_is_there_to_ask() {
    let mut world = World::new(31, Faults::NONE, 1, 1);
    world.register(0);
    let before = world.post(0, "before the backup");
    let mut store = world.net.store(0).clone();
    let mark = restored_row(Store::head(&store), world.net.now);
    world.net.crash(0);
    store.append(Batch::new(vec![], vec![], vec![mark], vec![])).unwrap();
    store.flush();
    world.net.restart(0);
    let after = world.post(0, "after the restore");
    let on = world.post(0, "and on");
    let (old, new) = (header(&world, 0, &before), header(&world, 0, &after));
    assert_eq!((new.epoch.0, new.seq, new.prev), (old.epoch.0 + 1, 0, Some(before)));
    assert_eq!(header(&world, 0, &on).seq, 1, "the new log goes on");
    world.net.crash(0);
    world.net.restart(0);
    let later = world.post(0, "after another start");
    assert_eq!(header(&world, 0, &later).seq, 2, "a start alone opens nothing");
}

/// The original may have begun these after the backup was made, and peers that would say so may be out of reach.
#[test]
fn what_a_backup_does_not_know_begins_in_a_further_log() {
    let mut world = World::new(33, Faults::NONE, 1, 2);
    world.register(0);
    world.register(1);
    let known = world.post(0, "before the backup");
    let of_another = world.post(1, "before the backup, too");
    let to_next_week = T0.plus_ms(limits::WEEK_S * 1_000).since_ms(world.net.now);
    world.net.run(to_next_week + 60_000);
    let mut store = world.net.store(0).clone();
    let mark = restored_row(Store::head(&store), world.net.now);
    world.net.crash(0);
    store.append(Batch::new(vec![], vec![], vec![mark], vec![])).unwrap();
    store.flush();
    world.net.restart(0);
    let first = Epoch::first_of(world.net.now);
    let id = world.post(0, "in a week of which the backup knows nothing");
    let of = header(&world, 0, &id);
    assert_eq!((of.epoch.0, of.seq, of.prev), (first.0 + 1, 0, Some(known)));
    let introductions: Scope = "c/introductions".parse().unwrap();
    let ticket = world.compose(0, vec![Compose { scope: introductions, ..post("where it never was") }]);
    world.net.run(50);
    let id = world.done(0, ticket).envelopes[0].0;
    assert_eq!((header(&world, 0, &id).epoch.0, header(&world, 0, &id).prev), (first.0 + 1, None));

    // Who keeps its own keys is told the same.
    let mut own = twin(&world, 1, Some(&of_another));
    (own.epoch, own.seq) = (first, 7);
    let ticket = world.submit(0, vec![own.post("at a place that the home does not know").bytes().clone()]);
    world.net.run(50);
    let expected = LocalError::Conflict { epoch: first.0 + 1, seq: 0, prev: Some(of_another) };
    assert_eq!(world.reply(0, ticket), Err(expected));
    (own.epoch, own.seq, own.prev) = (Epoch(first.0 + 1), 0, Some(of_another));
    let ticket = world.submit(0, vec![own.post("as it was told").bytes().clone()]);
    world.net.run(50);
    assert_eq!(world.done(0, ticket).envelopes.len(), 1);
}

#[test]
fn a_self_signing_agent_whose_home_was_restored_is_told_of_a_new_log() {
    let mut world = World::new(34, Faults::NONE, 1, 1);
    world.register(0);
    let known = world.post(0, "before the backup");
    let mut store = world.net.store(0).clone();
    let mark = restored_row(Store::head(&store), world.net.now);
    world.net.crash(0);
    store.append(Batch::new(vec![], vec![], vec![mark], vec![])).unwrap();
    store.flush();
    world.net.restart(0);
    let mut own = twin(&world, 0, Some(&known));
    own.seq += 5;
    let ticket = world.submit(0, vec![own.post("further on than the backup").bytes().clone()]);
    world.net.run(50);
    let expected = LocalError::Conflict { epoch: own.epoch.0 + 1, seq: 0, prev: Some(known) };
    assert_eq!(world.reply(0, ticket), Err(expected));
}

#[test]
fn what_another_process_signed_with_the_key_is_not_gone_on_from_in_its_log() {
    let mut world = World::new(32, Faults::NONE, 1, 1);
    world.register(0);
    let before = world.post(0, "here");
    let foreign = twin(&world, 0, Some(&before)).post("by another process");
    hear(&mut world, 0, &foreign);
    let after = world.post(0, "here again");
    let (old, new) = (header(&world, 0, &before), header(&world, 0, &after));
    assert_eq!((new.epoch.0, new.seq, new.prev), (old.epoch.0 + 1, 0, Some(foreign.id())));
}

#[test]
fn behind_a_fork_an_agent_goes_on_in_a_new_log_and_is_not_void() {
    let mut world = World::new(33, Faults::NONE, 1, 1);
    world.register(0);
    let before = world.post(0, "before");
    let rival = twin(&world, 0, Some(&before)).post("by a copy of the home");
    let forked = world.post(0, "by the home");
    hear(&mut world, 0, &rival);
    let is_void = |world: &World, id: &EnvelopeId| {
        let entry = index::get(world.net.store(0), id).unwrap().unwrap();
        tidepool_views::void::verdict(world.net.store(0), &entry).unwrap().is_some()
    };
    assert!(is_void(&world, &forked) && is_void(&world, &rival.id()));
    let after = world.post(0, "after");
    let (old, new) = (header(&world, 0, &before), header(&world, 0, &after));
    assert_eq!((new.epoch.0, new.seq, new.prev), (old.epoch.0 + 1, 0, Some(before)));
    assert!(!is_void(&world, &after), "what is written behind a fork is void");
}

/// Two linked nodes, of which the second begins no session: what it lacks it must ask for by itself.
fn without_sessions(seed: u64) -> World {
    let mut world = World::with(seed, Faults::NONE, 2, 1, &|settings| {
        settings.limits.sessions_max = 0;
        settings.checkpoint_ms = 10 * 60 * 1_000;
    });
    world.link_all();
    world.net.run(100);
    world
}

#[test]
fn a_gap_in_a_log_is_noticed_asked_for_and_filled() {
    let mut world = without_sessions(34);
    world.register(0);
    world.post(0, "zero");
    world.net.run(500);
    world.net.faults.loss = 1_000;
    let lost: Vec<EnvelopeId> = (1..4).map(|number| world.post(0, &format!("lost {number}"))).collect();
    world.net.run(200);
    world.net.faults.loss = 0;
    let heard = world.post(0, "heard");
    world.net.run(200);
    assert!(world.holds(1, &heard) && !lost.iter().any(|id| world.holds(1, id)));
    let log = header(&world, 0, &heard).log();
    assert_eq!(logs::gaps(world.net.store(1), &log, 9).unwrap(), [(1, 3)]);
    assert_eq!(world.net.counters(1).gaps, 1);
    world.net.run(5_000);
    assert!(lost.iter().all(|id| world.holds(1, id)));
    assert_eq!(logs::gaps(world.net.store(1), &log, 9).unwrap(), []);
    let counters = world.net.counters(1);
    assert_eq!((counters.gaps, counters.gaps_filled, counters.gaps_left), (0, 1, 0));
}

#[test]
fn a_gap_that_nobody_can_fill_is_left_to_anti_entropy() {
    let mut world = without_sessions(35);
    world.register(0);
    let first = world.post(0, "zero");
    world.net.run(500);
    let mut writer = twin(&world, 0, Some(&first));
    let _withheld = writer.post("shown to nobody");
    let next = writer.post("shown");
    hear(&mut world, 1, &next);
    assert_eq!(world.net.counters(1).gaps, 1);
    world.net.run(10 * 60 * 1_000);
    let counters = world.net.counters(1);
    assert_eq!((counters.gaps, counters.gaps_left), (0, 1), "asked for without end");
    assert!(counters.gaps_asked >= 4, "{counters:?}");
}

#[test]
fn a_checkpoint_lists_what_changed_once_a_day_and_tells_what_is_lacking() {
    let mut world = without_sessions(36);
    world.register(0);
    world.post(0, "zero");
    world.net.run(500);
    // What follows reaches the other node by no way: neither the log in `general` nor a new one elsewhere.
    world.net.faults.loss = 1_000;
    let mut lost = vec![world.post(0, "lost")];
    let elsewhere = Compose { scope: "c/introductions".parse().unwrap(), ..post("lost, too") };
    let ticket = world.compose(0, vec![elsewhere]);
    world.net.run(100);
    lost.push(world.done(0, ticket).envelopes[0].0);
    world.net.run(100);
    world.net.faults.loss = 0;
    world.net.run(8 * 60 * 1_000);
    assert_eq!(world.net.counters(0).checkpoints, 0, "before its time");
    world.net.run(3 * 60 * 1_000);
    assert_eq!(world.net.counters(0).checkpoints, 1);
    let author = world.agents[0].author();
    let of = |world: &World| {
        let all = world.net.store(0).stored_after(tidepool_views::Cursor::START, 1_000).unwrap();
        all.into_iter().filter(|stored| stored.envelope.header().kind == Kind::CHECKPOINT).collect::<Vec<_>>()
    };
    let signed = of(&world);
    let (header, body) = (signed[0].envelope.header(), signed[0].envelope.body().unwrap());
    let Ok(Some(Body::Checkpoint(Checkpoint { heads, home }))) = Body::decode(header.kind, body) else { panic!() };
    assert_eq!(heads.len(), 2, "one head for each log that changed: {heads:?}");
    assert!(lost.iter().all(|id| heads.iter().any(|head| head.id == *id)));
    let word = home.expect("the home countersigns");
    let message = checkpoint_message(header.network, author, header.time_ms, &heads);
    assert_eq!(word.key, world.nodes[0].key.public_key());
    assert!(verify_signature(&word.key, Domain::Checkpoint, &message, &word.signature));
    assert!(
        tidepool_views::index::get(world.net.store(0), &signed[0].envelope.id()).unwrap().unwrap().void().is_none()
    );

    // By the checkpoint alone the other node knows what it lacks, and gets it.
    world.net.run(20_000);
    assert!(lost.iter().all(|id| world.holds(1, id)), "{:?}", world.net.counters(1));
    assert_eq!(world.net.counters(1).gaps, 0);

    // A silent agent signs none; one that speaks again signs one that lists what is new only, also after a start.
    world.net.run(60 * 60 * 1_000);
    assert_eq!(of(&world).len(), 1);
    let more = world.post(0, "more");
    world.net.crash(0);
    world.net.restart(0);
    world.net.run(2 * 60 * 1_000);
    let signed = of(&world);
    assert_eq!(signed.len(), 2);
    let Ok(Some(Body::Checkpoint(Checkpoint { heads, .. }))) =
        Body::decode(Kind::CHECKPOINT, signed[1].envelope.body().unwrap())
    else {
        panic!()
    };
    assert!(heads.iter().any(|head| head.id == more), "{heads:?}");
    assert!(!heads.iter().any(|head| head.scope.to_string() == "c/introductions"), "{heads:?}");
}
