//! The log as a stream: nothing missing, nothing twice.

use super::rig::Rig;
use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::home::Home;
use crate::limits::{STREAM_REPLAY_MAX, TAIL_EVENTS_MAX};
use crate::model::{CameFrom, Direction, NewComment, NewText};
use crate::session::AgentSession;
use crate::stream::{Event, EventFilter, EventKind, EventStream, StreamCursor, StreamEvent, Taken};
use crate::usecases::said;
use futures::StreamExt;
use std::sync::Arc;
use tidepool_kernel::testing::MemoryStore;
use tidepool_protocol::body::{Post, PostType, Subscribe, Vote};
use tidepool_protocol::{EnvelopeId, Salt, Scope};
use tidepool_views::Cursor;

async fn post(home: &Home, session: &AgentSession, title: &str) -> EnvelopeId {
    let body = Post {
        salt: Salt([1; 16]),
        post_type: PostType::Text,
        title: title.to_owned(),
        content: "text".to_owned(),
        url: None,
    };
    let scope = Scope::Open("general".parse().unwrap());
    let receipt = home.say(session, vec![said(scope, &body).unwrap()]).await.unwrap();
    Home::first_id(&receipt)
}

async fn take(stream: &mut EventStream, count: usize) -> Vec<Arc<StreamEvent>> {
    let mut events = Vec::new();
    while events.len() < count {
        events.push(stream.next().await.unwrap().unwrap());
    }
    events
}

fn cursors(events: &[Arc<StreamEvent>]) -> Vec<u64> {
    events.iter().map(|event| event.cursor.at.0).collect()
}

fn start(home: &Home) -> StreamCursor {
    StreamCursor { log: home.now_cursor().log, at: Cursor::START }
}

fn logged(store: &MemoryStore) -> Vec<u64> {
    store.all().iter().map(|stored| stored.cursor.0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_that_come_at_any_time_see_all_once_while_others_post() {
    let rig = Rig::new().await;
    let mut writers = Vec::new();
    for number in 0..4 {
        let session = rig.agent(&format!("writer-{number}")).await;
        let home = rig.home.clone();
        writers.push(tokio::spawn(async move {
            for turn in 0..100 {
                post(&home, &session, &format!("{number} {turn}")).await;
            }
        }));
    }
    // One node, four agents with a genesis and a profile each, 400 posts.
    let count = 1 + 4 * 2 + 400;
    let mut readers = Vec::new();
    for turn in 0..8 {
        let home = rig.home.clone();
        let after = start(&home);
        readers.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut at = after;
            // Reconnects after every 60 events and goes on behind the last one that it has.
            while seen.len() < count {
                let mut stream = home.events(Some(at), EventFilter::default()).await.unwrap();
                for event in take(&mut stream, (60 + turn).min(count - seen.len())).await {
                    at = event.cursor;
                    seen.push(event.cursor.at.0);
                }
            }
            seen
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let expected = logged(&rig.store);
    assert_eq!(expected.len(), count);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_stream_without_a_cursor_brings_what_comes_from_now_on() {
    let rig = Rig::new().await;
    let session = rig.agent("Coral").await;
    let before = post(&rig.home, &session, "before").await;
    let mut all = rig.home.events(Some(start(&rig.home)), EventFilter::default()).await.unwrap();
    let seen = take(&mut all, 4).await;
    assert_eq!(seen[3].id, before);
    let mut stream = rig.home.events(None, EventFilter::default()).await.unwrap();
    let id = post(&rig.home, &session, "from now on").await;
    let event = take(&mut stream, 1).await.remove(0);
    assert_eq!((event.id, event.handle.as_str(), event.from), (id, "Coral", CameFrom::Here));
    let expected = Event::Post { title: "from now on".to_owned(), content: "text".to_owned(), url: None };
    assert_eq!(event.event, expected);
}

#[tokio::test]
async fn events_tell_what_happened() {
    let rig = Rig::new().await;
    let (session, voter) = (rig.agent("Coral").await, rig.agent("Voter").await);
    let id = post(&rig.home, &session, "title").await;
    let general = Scope::Open("general".parse().unwrap());
    let items = vec![
        said(general.clone(), &Vote { target: id, value: -1 }).unwrap(),
        said(Scope::Agent(voter.id), &Subscribe { community: general.clone(), on: true }).unwrap(),
    ];
    rig.home.say(&voter, items).await.unwrap();
    let mut stream = rig.home.events(Some(start(&rig.home)), EventFilter::default()).await.unwrap();
    let kinds: Vec<_> = take(&mut stream, 8).await.iter().map(|event| (event.kind, event.event.clone())).collect();
    assert_eq!(kinds[0], (EventKind::Identity, Event::NodeJoined));
    assert_eq!(kinds[1], (EventKind::Identity, Event::AgentJoined { handle: "Coral".to_owned() }));
    assert_eq!(kinds[2].0, EventKind::Profile);
    assert_eq!(kinds[5].0, EventKind::Post);
    assert_eq!(kinds[6], (EventKind::Vote, Event::Vote { target: id, direction: Some(Direction::Down) }));
    assert_eq!(kinds[7], (EventKind::Subscribe, Event::Subscribe { community: general, on: true }));
}

#[tokio::test]
async fn what_the_views_show_to_nobody_is_no_event() {
    let rig = Rig::new().await;
    let session = rig.agent("Coral").await;
    let mut stream = rig.home.events(None, EventFilter::default()).await.unwrap();
    let target = post(&rig.home, &session, "mine").await;
    let general = Scope::Open("general".parse().unwrap());
    rig.home.say(&session, vec![said(general, &Vote { target, value: 1 }).unwrap()]).await.unwrap();
    let after = post(&rig.home, &session, "next").await;
    let seen: Vec<_> = take(&mut stream, 2).await.iter().map(|event| event.id).collect();
    assert_eq!(seen, [target, after], "a vote on one's own post is void");
}

#[tokio::test]
async fn a_filter_leaves_out_the_rest_and_loses_nothing() {
    let rig = Rig::new().await;
    let (one, two) = (rig.agent("first").await, rig.agent("second").await);
    let mut wanted = Vec::new();
    for turn in 0..10 {
        post(&rig.home, &one, &format!("one {turn}")).await;
        wanted.push(post(&rig.home, &two, &format!("two {turn}")).await);
    }
    let filter =
        EventFilter { kinds: vec![EventKind::Post], author: Some("SECOND".to_owned()), ..EventFilter::default() };
    let mut stream = rig.home.events(Some(start(&rig.home)), filter).await.unwrap();
    let seen: Vec<_> = take(&mut stream, 10).await.iter().map(|event| event.id).collect();
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn a_reader_further_back_than_the_ring_reads_the_store_and_then_goes_along() {
    let rig = Rig::new().await;
    let session = rig.agent("Coral").await;
    let general = Scope::Open("general".parse().unwrap());
    // More than the ring holds, in requests of 100.
    for turn in 0..=TAIL_EVENTS_MAX / 100 {
        let subscribe = Subscribe { community: general.clone(), on: turn % 2 == 0 };
        let subscribe = said(Scope::Agent(session.id), &subscribe).unwrap();
        rig.home.say(&session, vec![subscribe; 100]).await.unwrap();
    }
    let expected = logged(&rig.store);
    assert!(expected.len() > TAIL_EVENTS_MAX);
    let mut stream = rig.home.events(Some(start(&rig.home)), EventFilter::default()).await.unwrap();
    assert_eq!(cursors(&take(&mut stream, expected.len()).await), expected);
    let id = post(&rig.home, &session, "live").await;
    assert_eq!(take(&mut stream, 1).await[0].id, id);
}

#[tokio::test]
async fn cursors_of_another_log_or_beyond_the_head_are_refused() {
    let rig = Rig::new().await;
    rig.agent("Coral").await;
    let now = start(&rig.home);
    let open = |cursor| rig.home.events(Some(cursor), EventFilter::default());
    let foreign = StreamCursor { log: now.log ^ 1, at: now.at };
    assert_eq!(open(foreign).await.err(), Some(HomeError::CursorForeign));
    let head = Cursor(3);
    let ahead = StreamCursor { log: now.log, at: Cursor(1_000) };
    assert_eq!(open(ahead).await.err(), Some(HomeError::CursorAhead { seen: Cursor(1_000), head }));
    assert!(open(now).await.is_ok());
}

#[tokio::test]
async fn a_cursor_too_far_back_is_refused_with_the_oldest_that_can_be_read() {
    let head = Cursor(STREAM_REPLAY_MAX + 10);
    let oldest = Cursor(10);
    let check = |at| crate::stream::within_replay(Cursor(at), head);
    assert_eq!(check(9), Err(HomeError::CursorTooOld { seen: Cursor(9), oldest }));
    assert_eq!(check(10), Ok(()));
}

#[test]
fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
    let cursor = StreamCursor { log: 0x0123_4567_89ab_cdef, at: Cursor(42) };
    assert_eq!(cursor.to_string(), "0123456789abcdef-42");
    assert_eq!(cursor.to_string().parse::<StreamCursor>().unwrap(), cursor);
    for text in ["", "42", "-42", "0123456789abcdef-", "0123456789abcdef-x", "123-1", "0123456789abcdef--1"] {
        assert!(text.parse::<StreamCursor>().is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn readers_are_counted_and_leave_their_place_when_they_go() {
    let rig = Rig::new().await;
    let places = Arc::clone(&rig.home.inner.streams);
    let free = places.available_permits();
    let stream = rig.home.events(None, EventFilter::default()).await.unwrap();
    assert_eq!(places.available_permits(), free - 1);
    drop(stream);
    assert_eq!(places.available_permits(), free);
    let _all = places.acquire_many(u32::try_from(free).unwrap()).await.unwrap();
    let refused = rig.home.events(None, EventFilter::default()).await.err().unwrap();
    assert!(matches!(refused, HomeError::Busy { what: "streams", .. }), "{refused}");
}

#[tokio::test]
async fn what_came_while_nobody_read_is_read_from_the_log() {
    let rig = Rig::new().await;
    let session = rig.agent("Coral").await;
    // As on a node where no agent is at home.
    rig.home.inner.registrations.agents.store(0, std::sync::atomic::Ordering::Relaxed);
    for number in 0..100 {
        post(&rig.home, &session, &format!("unread {number}")).await;
    }
    let newest = *rig.store.all().iter().map(|stored| stored.cursor.0).collect::<Vec<_>>().last().unwrap();
    let mut progress = rig.home.inner.tail.progress();
    progress.wait_for(|progress| progress.upto.0 >= newest).await.unwrap();
    assert!(matches!(rig.home.inner.tail.take(Cursor(newest - 1)), Taken::Behind), "an event was made for nobody");
    let mut stream = rig.home.events(Some(start(&rig.home)), EventFilter::default()).await.unwrap();
    let id = post(&rig.home, &session, "read").await;
    let events = take(&mut stream, logged(&rig.store).len()).await;
    assert_eq!(cursors(&events), logged(&rig.store));
    assert_eq!(events.last().unwrap().id, id);
}

#[tokio::test]
async fn a_home_that_stops_ends_its_streams_behind_what_they_have() {
    let rig = Rig::new().await;
    let session = rig.agent("Coral").await;
    let mut stream = rig.home.events(None, EventFilter::default()).await.unwrap();
    let id = post(&rig.home, &session, "last").await;
    let event = take(&mut stream, 1).await.remove(0);
    assert_eq!(event.id, id);
    rig.home.inner.tail.close();
    assert_eq!(stream.next().await.unwrap().err(), Some(HomeError::Stopping));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn long_posts_are_replayed_whole_in_small_chunks() {
    let rig = Rig::new().await;
    let session = rig.agent("Coral").await;
    let general = Scope::Open("general".parse().unwrap());
    let mut posted = Vec::new();
    // More than the ring's bytes, so that the store is read too.
    for turn in 0..500 {
        let body = Post {
            salt: Salt([1; 16]),
            post_type: PostType::Text,
            title: format!("long {turn}"),
            content: "x".repeat(40_000),
            url: None,
        };
        let receipt = rig.home.say(&session, vec![said(general.clone(), &body).unwrap()]).await.unwrap();
        posted.push(Home::first_id(&receipt));
    }
    let filter = EventFilter { kinds: vec![EventKind::Post], ..EventFilter::default() };
    let mut stream = rig.home.events(Some(start(&rig.home)), filter).await.unwrap();
    let seen: Vec<_> = take(&mut stream, 500).await.iter().map(|event| event.id).collect();
    assert_eq!(seen, posted);
}

#[tokio::test]
async fn what_its_author_took_away_is_in_no_replay_and_in_no_envelope() {
    let rig = Rig::new().await;
    let session = rig.agent("Coral").await;
    let from = rig.home.now_cursor();
    let gone = post(&rig.home, &session, "secret").await;
    let text = NewText { title: None, content: Some("secret too".to_owned()) };
    rig.home.edit_post(&session, gone, text).await.unwrap();
    let kept = post(&rig.home, &session, "kept").await;
    let said = NewComment { content: "secret as well".to_owned(), parent: None };
    let comment = rig.home.create_comment(&session, kept, said).await.unwrap().comment.id;
    let before: Vec<_> = rig.store.all().iter().map(|stored| stored.envelope.clone()).collect();
    // The ring has them all by now.
    let mut live = rig.home.events(Some(from), EventFilter::default()).await.unwrap();
    assert_eq!(take(&mut live, 4).await.len(), 4);
    rig.home.delete_post(&session, gone).await.unwrap();
    rig.home.delete_comment(&session, comment).await.unwrap();
    take(&mut live, 2).await;

    // From the ring of a home that saw it happen, and from the store of one that did not.
    for home in [&rig.home, &rig.restarted(HomeConfig::default()).await.home] {
        let mut replay = home.events(Some(from), EventFilter::default()).await.unwrap();
        let seen = take(&mut replay, 3).await;
        let kinds: Vec<_> = seen.iter().map(|event| event.kind).collect();
        assert_eq!((kinds, seen[0].id), (vec![EventKind::Post, EventKind::Delete, EventKind::Delete], kept));
        for envelope in &before {
            let raw = home.envelope(envelope.id()).await.unwrap();
            let is_gone = envelope.bytes().windows(6).any(|part| part == b"secret");
            assert_eq!(raw.without_body, is_gone);
            assert!(!raw.bytes.windows(6).any(|part| part == b"secret"));
            // Header and signature are given still, so that anybody sees who signed what is gone.
            let header = tidepool_protocol::Envelope::decode(raw.bytes).unwrap();
            assert_eq!(header.id(), envelope.id());
        }
    }
}
