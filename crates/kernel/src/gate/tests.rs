//! The gate's parts: buckets, what is remembered, the queue in front of verification, ids at a glance.
#![allow(clippy::unwrap_used)]

use super::bucket::{Buckets, Rate};
use super::recent::{RecentMap, RecentSet};
use super::verifier::{Lane, Verifier};
use super::{Ticket, peek};
use crate::clock::Steady;
use bytes::Bytes;
use proptest::prelude::*;
use tidepool_protocol::PublicKey;
use tidepool_views::testing::{TestNode, Writer};

fn peer(number: u8) -> PublicKey {
    PublicKey([number; 32])
}

#[test]
fn a_bucket_gives_its_burst_then_its_rate() {
    let mut buckets = Buckets::new(Rate { burst: 3, per_s: 2 }, 8);
    let now = Steady(1_000);
    assert_eq!([(); 4].map(|()| buckets.take(peer(1), 1, now)), [true, true, true, false]);
    assert!(buckets.take(peer(2), 1, now), "another peer has its own");
    assert!(!buckets.take(peer(1), 1, Steady(1_499)));
    assert!(buckets.take(peer(1), 1, Steady(1_999)));
    assert!(!buckets.take(peer(1), 1, Steady(1_999)));
    assert!(
        buckets.take(peer(1), 9, Steady(9_000)),
        "more than the burst is asked for all of it, not refused for ever"
    );
    assert!(!buckets.take(peer(1), 1, Steady(9_000)));
}

#[test]
fn what_was_done_already_is_taken_even_where_too_little_is_left() {
    let mut buckets = Buckets::new(Rate { burst: 4, per_s: 1 }, 8);
    assert!(buckets.take(peer(1), 1, Steady(0)));
    buckets.spend(peer(1), 100, Steady(0));
    assert!(!buckets.take(peer(1), 1, Steady(0)));
    assert!(buckets.take(peer(1), 1, Steady(1_000)));
}

#[test]
fn the_table_is_bounded_and_forgets_who_owes_least() {
    let mut buckets = Buckets::new(Rate { burst: 2, per_s: 1 }, 2);
    let now = Steady(0);
    assert!(buckets.take(peer(1), 2, now));
    assert!(buckets.take(peer(2), 1, now));
    assert!(buckets.take(peer(3), 1, now), "peer 2 is forgotten");
    assert!(!buckets.take(peer(1), 1, now), "peer 1, who has used up all, is not");
}

#[test]
fn the_oldest_is_forgotten_first() {
    let mut set = RecentSet::new(2);
    assert!(set.insert(1) && set.insert(2));
    assert!(!set.insert(1));
    assert!(set.insert(3));
    assert_eq!([1, 2, 3].map(|entry| set.contains(&entry)), [false, true, true]);
    let mut map = RecentMap::new(2);
    (1..=3).for_each(|key| map.insert(key, key * 10));
    map.insert(3, 31);
    assert_eq!([1, 2, 3].map(|key| map.get(&key).copied()), [None, Some(20), Some(31)]);
}

fn work(count: usize) -> Vec<Bytes> {
    vec![Bytes::from_static(b"envelope"); count]
}

#[test]
fn local_work_goes_first_and_new_frames_are_dropped_first() {
    let mut verifier = Verifier::new(4, 5);
    assert_eq!(verifier.push_frame(peer(1), Ticket(1), work(3)), []);
    assert_eq!(verifier.push_frame(peer(1), Ticket(2), work(2)), []);
    assert_eq!(verifier.push_frame(peer(1), Ticket(3), work(1)), [Ticket(3)], "gossip's room is used up");
    verifier.push(Lane::Answer, Ticket(4), work(3));
    verifier.push(Lane::Local, Ticket(5), work(1));
    assert_eq!(verifier.next().unwrap().0, Ticket(5));
    assert_eq!(verifier.next().unwrap().0, Ticket(4));
    assert_eq!(verifier.next(), None, "as many as may be are under way");
    verifier.done(1);
    assert_eq!(verifier.next().unwrap().0, Ticket(1));
    assert_eq!(verifier.push_frame(peer(1), Ticket(6), work(3)), [], "what left made room");
    verifier.done(6);
    assert_eq!(verifier.next().unwrap().0, Ticket(2));
}

#[test]
fn answers_and_frames_take_turns() {
    let mut verifier = Verifier::new(100, 100);
    for ticket in 1..=3 {
        verifier.push(Lane::Answer, Ticket(ticket), work(1));
        assert_eq!(verifier.push_frame(peer(1), Ticket(10 + ticket), work(1)), []);
    }
    verifier.push(Lane::Local, Ticket(20), work(1));
    verifier.push(Lane::Answer, Ticket(4), work(1));
    let order: Vec<_> = std::iter::from_fn(|| verifier.next()).map(|(ticket, _)| ticket.0).collect();
    assert_eq!(order, [20, 1, 11, 2, 12, 3, 13, 4]);
}

#[test]
fn peers_take_turns_and_who_fills_the_room_loses_its_own_frames() {
    let mut verifier = Verifier::new(100, 6);
    for ticket in 1..=3 {
        assert_eq!(verifier.push_frame(peer(1), Ticket(ticket), work(2)), []);
    }
    assert_eq!(verifier.push_frame(peer(2), Ticket(4), work(1)), [Ticket(3)], "the newest of whoever has most");
    assert_eq!(verifier.push_frame(peer(3), Ticket(5), work(1)), []);
    let order: Vec<_> = std::iter::from_fn(|| verifier.next()).map(|(ticket, _)| ticket.0).collect();
    assert_eq!(order, [1, 4, 5, 2]);
    assert_eq!(verifier.push_frame(peer(2), Ticket(6), work(7)), [Ticket(6)], "it alone is too much");
    assert_eq!(verifier.next(), None);
}

#[test]
fn an_id_is_seen_without_decoding() {
    let node = TestNode::new(1);
    let mut writer = Writer::new(node.id.into(), node.state.operation, &node.key, "c/general".parse().unwrap());
    for envelope in [writer.post("short"), writer.post(&"long ".repeat(60)), node.genesis] {
        assert_eq!(peek::id(envelope.bytes()), Some(envelope.id()));
        assert_eq!(peek::time(envelope.bytes()), Some((envelope.header().time_ms, envelope.header().kind)));
        assert_eq!(peek::id(&envelope.bytes()[..100]), None);
    }
}

proptest! {
    #[test]
    fn a_glance_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        let _ = peek::id(&bytes);
        let _ = peek::id(&[&[0x83, 0x59][..], &bytes].concat());
        let _ = peek::time(&[&[0x83, 0x59, 0, 0x60, 0x8D][..], &bytes].concat());
    }
}
