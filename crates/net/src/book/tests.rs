//! The book keeps what works, tries again later and later, and never grows beyond its bound.

#![allow(clippy::unwrap_used)]

use super::*;

const CAP: Duration = Duration::from_secs(5);

const NOW_MS: u64 = 1_795_500_000_000;

fn address(port: u16) -> Multiaddr {
    format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
}

fn due(book: &Book, now: Instant, more: bool) -> Vec<PeerId> {
    book.due(now, more, 100, |_| false)
}

#[test]
fn an_address_that_works_stands_first_and_the_number_is_bounded() {
    let (mut book, peer, now) = (Book::new(CAP), PeerId::random(), Instant::now());
    book.learn(peer, (1..=20).map(address).collect(), false, now);
    book.learn(peer, vec![address(5)], true, now);
    assert_eq!(book.addresses(&peer).len(), ADDRESSES_PER_PEER_MAX);
    assert_eq!(book.addresses(&peer)[..2], [address(5), address(1)]);
    book.replace(peer, vec![address(30)], now);
    assert_eq!(book.addresses(&peer), [address(5), address(30)]);
}

#[test]
fn a_lost_peer_is_tried_every_few_seconds_for_an_hour_and_then_only_when_peers_are_wanted() {
    let (mut book, peer, start) = (Book::new(Duration::from_secs(60)), PeerId::random(), Instant::now());
    book.learn(peer, vec![address(1)], true, start);
    book.met(&peer, NOW_MS);
    book.disconnected(&peer, true, start);
    assert!(due(&book, start, false).is_empty(), "not at once");
    let (mut now, mut last, mut tries) = (start, start, 0);
    while now - start < LOST_FOR {
        if !due(&book, now, false).is_empty() {
            assert!(now - last <= LOST_REDIAL_MAX, "{:?} between two tries", now - last);
            book.failed(&peer, now, NOW_MS);
            (last, tries) = (now, tries + 1);
        }
        now += Duration::from_millis(250);
    }
    assert!(tries > 720, "{tries} tries in an hour");
    now += CAP;
    assert!(due(&book, now, false).is_empty());
    assert_eq!(due(&book, now, true), [peer]);
    // From here on it waits as long as the operator allows.
    book.failed(&peer, now, NOW_MS);
    assert!(due(&book, now + Duration::from_secs(40), true).is_empty());
    assert_eq!(due(&book, now + Duration::from_secs(60), true), [peer]);
}

#[test]
fn a_peer_that_was_sent_away_is_not_wanted_back() {
    let (mut book, peer, now) = (Book::new(CAP), PeerId::random(), Instant::now());
    book.learn(peer, vec![address(1)], true, now);
    book.disconnected(&peer, false, now);
    assert!(due(&book, now + CAP, false).is_empty());
    book.forget(&peer);
    assert!(due(&book, now + CAP, true).is_empty());
}

#[test]
fn a_peer_that_never_answers_leaves_the_book() {
    let (mut book, peer, now) = (Book::new(CAP), PeerId::random(), Instant::now());
    book.learn(peer, vec![address(1)], false, now);
    for _ in 0..FAILURES_MAX {
        book.failed(&peer, now, NOW_MS);
    }
    assert_eq!(book.len(), 0);
}

#[test]
fn a_peer_that_was_met_stays_a_week() {
    let (mut book, peer, now) = (Book::new(CAP), PeerId::random(), Instant::now());
    book.learn(peer, vec![address(1)], true, now);
    book.met(&peer, NOW_MS);
    for _ in 0..2 * FAILURES_MAX {
        book.failed(&peer, now, NOW_MS + UNSEEN_MAX_MS);
    }
    assert_eq!(book.all()[0].seen_ms, NOW_MS);
    book.failed(&peer, now, NOW_MS + UNSEEN_MAX_MS + 1);
    assert_eq!(book.len(), 0);
}

#[test]
fn a_full_book_loses_its_worst_entry() {
    let (mut book, now) = (Book::new(CAP), Instant::now());
    let peers: Vec<_> = (0..PEERS_MAX).map(|_| PeerId::random()).collect();
    for peer in &peers {
        book.learn(*peer, vec![address(1)], false, now);
    }
    book.failed(&peers[7], now, NOW_MS);
    book.learn(PeerId::random(), vec![address(1)], false, now);
    assert_eq!(book.len(), PEERS_MAX);
    assert!(book.addresses(&peers[7]).is_empty());
}
