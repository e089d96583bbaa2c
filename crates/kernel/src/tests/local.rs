//! Local requests: all or nothing, places in logs, quotas, conflicts, heads asked of peers.

use super::*;
use crate::local::RowExpect;
use crate::testing::MemoryStore;
use tidepool_protocol::Epoch;
use tidepool_protocol::body::{Presence, PresenceEntry, PresenceState};
use tidepool_protocol::{Slot, limits::WEEK_S};
use tidepool_views::testing::Writer;
use tidepool_views::{RowWrite, Rows};

fn one_home() -> World {
    let mut world = World::new(1, Faults::NONE, 1, 2);
    world.register(0);
    world.register(1);
    world
}

fn row(key: &'static str, value: Option<&'static str>) -> RowWrite {
    RowWrite { key: Bytes::from_static(key.as_bytes()), value: value.map(|value| Bytes::from_static(value.as_bytes())) }
}

fn header(world: &World, at: usize, id: &EnvelopeId) -> tidepool_protocol::Header {
    let (_, stored) = index::envelope(world.net.store(at), id).unwrap().unwrap();
    stored.envelope.header().clone()
}

#[test]
fn envelopes_of_one_agent_follow_one_another() {
    let mut world = one_home();
    let first = world.compose(0, vec![post("one"), post("two")]);
    let second = world.compose(0, vec![post("three")]);
    let other = world.compose(1, vec![post("else")]);
    world.net.run(50);
    let ids: Vec<EnvelopeId> =
        [first, second].iter().flat_map(|ticket| world.done(0, *ticket).envelopes).map(|(id, _)| id).collect();
    let headers: Vec<_> = ids.iter().map(|id| header(&world, 0, id)).collect();
    assert_eq!(headers.iter().map(|header| header.seq).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(headers[1].prev, Some(ids[0]));
    assert_eq!(headers[2].prev, Some(ids[1]));
    assert_eq!(header(&world, 0, &world.done(0, other).envelopes[0].0).seq, 0);
}

#[test]
fn a_log_goes_on_in_the_next_week_from_the_head_of_the_last() {
    let mut world = one_home();
    let before = world.post(0, "before");
    world.net.run(WEEK_S * 1_000);
    let after = world.post(0, "after");
    let (before_header, after_header) = (header(&world, 0, &before), header(&world, 0, &after));
    assert_eq!(after_header.epoch, Epoch(before_header.epoch.0 + 16));
    assert_eq!((after_header.seq, after_header.prev), (0, Some(before)));
}

#[test]
fn a_clock_that_stepped_back_opens_a_new_log() {
    let mut world = one_home();
    let before = world.post(0, "before");
    world.net.now = START;
    world.net.run(0);
    world.net.now = TimeMs(START.0 - 60_000);
    let ticket = world.compose(0, vec![post("after")]);
    world.net.run(50);
    let after = world.done(0, ticket).envelopes[0].0;
    let after_header = header(&world, 0, &after);
    assert_eq!(after_header.epoch.0, header(&world, 0, &before).epoch.0 + 1);
    assert_eq!((after_header.seq, after_header.prev), (0, Some(before)));
}

#[test]
fn a_request_happens_whole_or_not_at_all() {
    let mut world = one_home();
    let author = world.agents[0].author();
    let bad = Compose { scope: "c/nowhere".parse().unwrap(), ..post("two") };
    let key = Bytes::from_static(&[0x90, 1]);
    let rows = vec![RowWrite { key: key.clone(), value: Some(Bytes::from_static(b"taken")) }];
    let request = LocalRequest::Compose { author, items: vec![post("one"), bad], rows, expect: vec![] };
    let head = world.net.store(0).all().len();
    let ticket = world.net.ask(0, request);
    world.net.run(50);
    assert!(matches!(world.reply(0, ticket), Err(LocalError::Refused { index: 1, .. })));
    assert_eq!(world.net.store(0).all().len(), head);
    assert_eq!(world.net.store(0).get(&key).unwrap(), None);
}

#[test]
fn two_requests_cannot_take_one_row() {
    let mut world = one_home();
    let key = Bytes::from_static(&[0x90, 1]);
    let take = |value: &'static [u8]| LocalRequest::Write {
        rows: vec![RowWrite { key: key.clone(), value: Some(Bytes::from_static(value)) }],
        expect: vec![RowExpect { key: key.clone(), value: None }],
    };
    let (first, second) = (world.net.ask(0, take(b"one")), world.net.ask(0, take(b"two")));
    let foreign = LocalRequest::Write { rows: vec![row("0", Some("x"))], expect: vec![] };
    let foreign = world.net.ask(0, foreign);
    world.net.run(50);
    assert!(world.reply(0, first).is_ok());
    assert_eq!(world.reply(0, second), Err(LocalError::Changed { key: key.clone() }));
    assert_eq!(world.reply(0, foreign), Err(LocalError::Row { family: b'0' }));
    assert_eq!(world.net.store(0).get(&key).unwrap().as_deref(), Some(&b"one"[..]));
}

#[test]
fn only_keys_in_custody_sign() {
    let mut world = one_home();
    let stranger = TestAgent::new(77, "stranger", &world.nodes[0], 1);
    let known = world.submit(0, vec![stranger.genesis.bytes().clone()]);
    let items = vec![post("no")];
    let ask = |author| LocalRequest::Compose { author, items: items.clone(), rows: vec![], expect: vec![] };
    let unknown = world.net.ask(0, ask(TestAgent::new(88, "nobody", &world.nodes[0], 1).author()));
    world.net.run(50);
    let foreign = world.net.ask(0, ask(stranger.author()));
    world.net.run(50);
    assert!(world.reply(0, known).is_ok());
    assert_eq!(world.reply(0, unknown), Err(LocalError::NoKey));
    assert_eq!(world.reply(0, foreign), Err(LocalError::NoKey));
}

#[test]
fn a_full_log_says_when_there_is_room_again() {
    let genesis = {
        let mut genesis = network();
        genesis.params.log_burst = 2;
        genesis.params.log_per_hour = 1;
        genesis
    };
    let place = |seq| crate::compose::Place { epoch: Epoch::first_of(START), seq, prev: None, time_ms: START };
    // An hour into the week: two at once, and one for the hour.
    assert_eq!(crate::compose::check_quota(&genesis.params, &place(2)), Ok(()));
    assert_eq!(
        crate::compose::check_quota(&genesis.params, &place(3)),
        Err(LocalError::Quota { seq: 3, retry_after_s: 3_600 })
    );
    assert_eq!(
        crate::compose::check_quota(&genesis.params, &place(5)),
        Err(LocalError::Quota { seq: 5, retry_after_s: 3 * 3_600 })
    );
    // Without a rate a full log stays full until the next week begins another.
    let mut still = genesis;
    still.params.log_per_hour = 0;
    let week_s = tidepool_protocol::limits::WEEK_S;
    assert_eq!(
        crate::compose::check_quota(&still.params, &place(2)),
        Err(LocalError::Quota { seq: 2, retry_after_s: week_s - 3_600 })
    );
}

#[test]
fn a_self_signing_agent_is_told_where_its_log_is() {
    let mut world = one_home();
    let agent = &world.agents[0];
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, general());
    writer.time_ms = START;
    let mut copy = writer.clone();
    let (first, second) = (writer.post("one"), writer.post("two"));
    let rival = copy.post("another one");
    let both = world.submit(0, vec![first.bytes().clone(), second.bytes().clone()]);
    world.net.run(50);
    assert_eq!(world.done(0, both).envelopes.len(), 2);
    let again = world.submit(0, vec![first.bytes().clone()]);
    let fork = world.submit(0, vec![rival.bytes().clone()]);
    world.net.run(50);
    assert_eq!(world.done(0, again).envelopes[0].0, first.id(), "what is known keeps its place");
    let expected = LocalError::Conflict { epoch: Epoch::first_of(START).0, seq: 2, prev: Some(second.id()) };
    assert_eq!(world.reply(0, fork), Err(expected));
    assert!(!world.holds(0, &rival.id()));
}

#[test]
fn a_self_signing_agent_is_never_told_to_sign_a_place_that_it_signed() {
    let mut world = one_home();
    let agent = &world.agents[0];
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, general());
    writer.time_ms = START;
    // This home never hears of the third, as one that was restored.
    let known = [writer.post("one"), writer.post("two")];
    let (_, fourth) = (writer.post("three"), writer.post("four"));
    let both = world.submit(0, known.iter().map(|post| post.bytes().clone()).collect());
    world.net.run(50);
    assert_eq!(world.done(0, both).envelopes.len(), 2);
    let first = Epoch::first_of(START);
    let handed_in = world.submit(0, vec![fourth.bytes().clone()]);
    world.net.run(50);
    let expected = LocalError::Conflict { epoch: first.0 + 1, seq: 0, prev: Some(known[1].id()) };
    assert_eq!(world.reply(0, handed_in), Err(expected));
    // The same where the log that it signed in last is a later one.
    (writer.epoch, writer.seq, writer.prev) = (Epoch(first.0 + 2), 1, Some(known[1].id()));
    let later = writer.post("in another log");
    let handed_in = world.submit(0, vec![later.bytes().clone()]);
    world.net.run(50);
    let expected = LocalError::Conflict { epoch: first.0 + 3, seq: 0, prev: Some(known[1].id()) };
    assert_eq!(world.reply(0, handed_in), Err(expected));
    // What it is told is taken.
    (writer.epoch, writer.seq, writer.prev) = (Epoch(first.0 + 3), 0, Some(known[1].id()));
    let post = writer.post("as it was told");
    let handed_in = world.submit(0, vec![post.bytes().clone()]);
    world.net.run(50);
    assert_eq!(world.done(0, handed_in).envelopes[0].0, post.id());
}

#[test]
fn an_unknown_author_is_refused_and_a_genesis_brings_its_own() {
    let mut world = one_home();
    let agent = TestAgent::new(501, "newcomer", &world.nodes[0], 1);
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, general());
    writer.time_ms = START;
    let post = writer.post("hello");
    let alone = world.submit(0, vec![post.bytes().clone()]);
    world.net.run(50);
    assert!(matches!(world.reply(0, alone), Err(LocalError::Refused { index: 0, .. })));
    let together = world.submit(0, vec![agent.genesis.bytes().clone(), post.bytes().clone()]);
    world.net.run(50);
    assert_eq!(world.done(0, together).envelopes.len(), 2);
}

#[test]
fn a_restored_backup_asks_for_heads_and_opens_a_new_log() {
    let mut world = World::new(4, Faults::NONE, 2, 1);
    world.register(0);
    let known = world.post(0, "before the backup");
    world.link_all();
    world.net.run(3_000);
    // A backup is taken, the node goes on, and its peer learns of what follows.
    let backup = world.net.store(0).all();
    let lost = world.post(0, "after the backup");
    world.net.run(100);
    assert!(world.holds(1, &lost));
    world.net.disconnect(0, 1);
    // The backup is restored into another life of the same node.
    let keys = [world.nodes[0].key.clone(), world.agents[0].key.clone()];
    let mut settings = NodeSettings::archive(network(), world.nodes[0].id, world.nodes[0].key.public_key());
    settings.anti_entropy_ms = 1_000_000;
    let store = restored(&backup);
    world.net.crash(0);
    let at = world.net.add_with(settings, Keys::new(keys), store);
    world.net.connect(at, 1);
    let author = world.agents[0].author();
    let ask = LocalRequest::Compose { author, items: vec![post("after")], rows: vec![], expect: vec![] };
    let ticket = world.net.ask(at, ask);
    world.net.run(2_500);
    let id = world.done(at, ticket).envelopes[0].0;
    let (before, after) = (header(&world, at, &known), header(&world, at, &id));
    assert_eq!((after.epoch.0, after.seq), (before.epoch.0 + 1, 0));
    assert!(world.holds(at, &lost), "what the peer had is fetched");
    assert_eq!(after.prev, Some(lost));
}

/// A store that holds what a backup does.
fn restored(backup: &[tidepool_views::Stored]) -> MemoryStore {
    use crate::store::{Batch, Store};
    let mut store = MemoryStore::default();
    store.append(Batch::new(backup.to_vec(), vec![], vec![], vec![])).unwrap();
    store.flush();
    store.crash();
    store
}

#[test]
fn a_peer_that_lies_about_heads_silences_nobody() {
    use crate::{Effect, Input, Node, Outbox};
    use tidepool_protocol::body::Head;
    use tidepool_protocol::sync::{SyncAnswer, SyncRequest};
    let world = one_home();
    let (agent, node) = (&world.agents[0], &world.nodes[0]);
    let store = restored(&world.net.store(0).all());
    let settings = NodeSettings::archive(network(), node.id, node.key.public_key());
    let mut machine = Node::new(store, Keys::new([agent.key.clone()]), settings);
    let mut outbox = Outbox::default();
    machine.step(Input::Started, START, &mut outbox);
    machine.step(Input::PeerConnected { peer: TestNode::new(5).key.public_key() }, START, &mut outbox);
    let items = vec![post("said")];
    let request = LocalRequest::Compose { author: agent.author(), items, rows: vec![], expect: vec![] };
    machine.step(Input::Local { ticket: Ticket(1), request }, START, &mut outbox);
    let first = Epoch::first_of(START).0;
    let lies = [u64::MAX, first + 15, first + 16].map(|epoch| Head {
        scope: general(),
        key: agent.key.public_key(),
        epoch: Epoch(epoch),
        seq: u64::MAX,
        id: EnvelopeId([1; 32]),
    });
    let lie = SyncAnswer::Heads { heads: lies.to_vec(), more: false }.encode();
    let empty = SyncAnswer::Envelopes { envelopes: vec![], next: None, gone: vec![] }.encode();
    while let Some(effect) = outbox.0.pop() {
        let Effect::Request { request, frame, .. } = effect else { continue };
        let answer = match SyncRequest::decode(&frame).unwrap() {
            SyncRequest::Heads(_) => lie.clone(),
            SyncRequest::Log { .. } => empty.clone(),
            _ => continue,
        };
        machine.step(Input::Response { request, result: Ok(answer) }, START, &mut outbox);
    }
    assert_eq!(machine.counters().local_done, 1, "the post was signed in a log of this week");
}

#[test]
fn heads_are_not_waited_for_beyond_their_time() {
    let mut world = World::new(5, Faults { loss: 1_000, delay_ms: 1 }, 2, 1);
    world.register(0);
    world.net.crash(0);
    world.net.restart(0);
    world.link_all();
    let ticket = world.compose(0, vec![post("slow")]);
    world.net.run(1_900);
    assert!(!world.net.replies.contains_key(&(0, ticket)));
    world.net.run(200);
    assert!(world.reply(0, ticket).is_ok());
    let ticket = world.compose(0, vec![post("quick")]);
    world.net.run(20);
    assert!(world.reply(0, ticket).is_ok());
}

#[test]
fn presence_is_forwarded_and_never_stored() {
    let mut world = World::new(6, Faults::NONE, 3, 1);
    // A chain: what the last hears was forwarded.
    world.net.connect(0, 1);
    world.net.connect(1, 2);
    world.net.run(1_000);
    world.register(0);
    world.net.run(1_000);
    let agent = world.agents[0].id;
    let slot = Slot::of(&agent.0);
    let entry = PresenceEntry { agent, state: PresenceState::Online };
    let body = Presence { ttl_s: 60, agents: vec![entry] }.encode().unwrap().into();
    let item = Compose { scope: Scope::Presence(slot), kind: Kind::PRESENCE, body };
    let author = world.nodes[0].id.into();
    let before = world.net.store(0).all().len();
    let ticket = world.net.ask(0, LocalRequest::Compose { author, items: vec![item], rows: vec![], expect: vec![] });
    world.net.run(500);
    assert!(world.reply(0, ticket).is_ok());
    let home = world.nodes[0].id.into();
    for at in 0..3 {
        let board = world.net.node(at).unwrap().presence();
        assert_eq!(board.of(agent, home, world.net.now), PresenceState::Online, "node {at}");
    }
    assert_eq!(world.net.store(0).all().len(), before);
    world.net.run(71_000);
    assert!(world.net.node(2).unwrap().presence().is_empty());
}

#[test]
fn an_agent_that_was_only_heard_of_is_located() {
    let mut world = World::new(7, Faults::NONE, 3, 1);
    world.register(0);
    world.net.connect(1, 2);
    world.net.run(100);
    let author = world.agents[0].author();
    let nobody = world.net.ask(2, LocalRequest::Locate { author });
    world.net.run(100);
    assert_eq!(world.reply(2, nobody), Err(LocalError::NotFound));
    world.net.connect(0, 1);
    world.net.run(3_000);
    let located = world.net.ask(2, LocalRequest::Locate { author });
    world.net.run(1_000);
    assert!(world.reply(2, located).is_ok());
    assert_eq!(world.net.wanted, [(2, world.net.peer(0))]);
}
