//! One attacker of each kind, with half a core, against a node that has an honest peer.

use super::crew::Crew;
use super::forks::Forks;
use super::liar::Lie;
use super::share::Share;
use super::stage::{End, Stage, withstand};
use crate::stranger::{Author, now};
use crate::support::{PATIENCE, wait_for};
use bytes::Bytes;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tidepool_protocol::slot::Slot;
use tidepool_protocol::sync::{Class, ENVELOPES_BYTES_MAX, Range, SyncRequest};
use tidepool_protocol::{Bundle, SecretKey, TimeMs};

/// Names under which an attacker comes at once: one connection takes less than half a core gives, and the upkeep of many is
/// half a core by itself.
const NAMES: usize = 3;

/// Envelopes in a frame of a crowd.
const IN_FRAME: u64 = 64;

/// What an honest peer may offer.
const REQUESTS: End = End::Beyond {
    counters: &["tidepool_net_requests_in_total", "tidepool_net_requests_in_busy_total"],
    burst: 2_000,
    per_second: 500,
};

fn key(name: &str) -> SecretKey {
    let mut seed = [0x5A; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    seed[28..].copy_from_slice(&std::process::id().to_be_bytes());
    SecretKey::from_seed(seed)
}

/// An attack by gossip: `frame` makes the next one.
fn by_gossip(mut frame: impl FnMut(&Stage, u64) -> Bytes + Send) -> impl FnOnce(&Stage, &mut Share) + Send {
    move |stage, share| {
        let mut crew = Crew::join(stage, &stage.address, NAMES, None);
        let mut number = 0;
        while !stage.is_over() {
            share.hold();
            crew.publish(&frame(stage, number));
            number += 1;
            crew.react(stage);
        }
        crew.leave();
    }
}

/// A real post, whose author's chain goes with it.
fn post_and_chain(name: &str) -> (Bytes, Vec<Bytes>) {
    let mut author = Author::new(name, &key(name));
    let post = author.post("Once", now());
    (post.bytes().clone(), author.chain.iter().map(|operation| operation.bytes().clone()).collect())
}

#[test]
fn one_who_forges_is_greylisted() {
    let (post, chain) = post_and_chain("h-forge");
    let forge = move |_: &Stage, number: u64| {
        // Another place of the signature and the body each time, so that no frame is like another.
        let mut forged = post.to_vec();
        let at = forged.len() - 1 - (number % 100) as usize;
        forged[at] ^= 1 + (number / 100 % 255) as u8;
        Bundle { envelopes: vec![forged.into()], identities: chain.clone() }.encode()
    };
    withstand("h-forge", "", End::Greylisted, by_gossip(forge));
}

#[test]
fn one_who_sends_garbage_is_greylisted() {
    let garbage = |_: &Stage, number: u64| {
        let mut bytes = vec![0xA5; 1_024];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes.into()
    };
    withstand("h-garbage", "", End::Greylisted, by_gossip(garbage));
}

/// Frames that cost their sender nothing, faster than any honest peer, and not one of them malformed.
#[test]
fn one_who_floods_gossip_is_greylisted() {
    let newer = |_: &Stage, number: u64| {
        // A bundle of version 99 with one envelope of eight bytes: ignored, as a newer node's would be.
        let mut bytes = vec![0x83, 0x18, 0x63, 0x81, 0x48];
        bytes.extend(number.to_be_bytes());
        bytes.push(0x80);
        bytes.into()
    };
    withstand("h-flood", "", End::Greylisted, by_gossip(newer));
}

/// Old news, again and again, in frames that differ in their bytes only.
#[test]
fn one_who_replays_is_greylisted() {
    let mut author = Author::new("h-replay", &key("h-replay"));
    let old = TimeMs(now().0 - 30 * 60 * 1_000);
    let posts: Vec<_> = (0..2_000).map(|_| author.post("Once", old).bytes().clone()).collect();
    let replay = move |_: &Stage, number: u64| {
        let (round, place) = (number as usize / posts.len() % 64, number as usize % posts.len());
        Bundle { envelopes: vec![posts[place].clone(); round + 1], identities: Vec::new() }.encode()
    };
    withstand("h-replay", "", End::Greylisted, by_gossip(replay));
}

/// Envelope upon envelope at one position of its own log: two are held and void, whatever it sends.
#[test]
fn one_who_forks_without_end_is_greylisted() {
    let mut forks = Forks::of_home("h-fork", &key("h-fork"));
    let (chain, mut positions) = (forks.chain(), 1);
    let fork = move |stage: &Stage, number: u64| {
        if number % 100 == 99 {
            forks.go_on();
            positions += 1;
        }
        stage.may_hold.store(2 * positions, Ordering::Relaxed);
        let envelopes = (0..IN_FRAME).map(|place| forks.one_more(number * IN_FRAME + place)).collect();
        Bundle { envelopes, identities: chain.clone() }.encode()
    };
    withstand("h-fork", "", End::Greylisted, by_gossip(fork));
}

/// The same by sync: it says that it holds what differs, and serves a thousand envelopes of one position for each slot. None
/// of it is a lie that can be proved; what it costs is bounded by the session.
#[test]
fn one_who_offers_forks_by_sync_holds_up_nobody() {
    let attack = |stage: &Stage, share: &mut Share| {
        let forks = Forks::of_home_with_many("h-offer", &key("h-offer"));
        stage.may_hold.store(2, Ordering::Relaxed);
        let mut crew = Crew::join(stage, &stage.address, NAMES, Some(Lie::Forks(Box::new(forks))));
        while !stage.is_over() {
            share.hold();
            crew.react(stage);
            std::thread::park_timeout(Duration::from_micros(200));
        }
        crew.leave();
    };
    withstand("h-offer", "", End::Held, attack);
}

#[test]
fn one_who_floods_sync_requests_is_greylisted() {
    let attack = |stage: &Stage, share: &mut Share| {
        let mut crew = Crew::join(stage, &stage.address, NAMES, None);
        let slot = Slot::new(7).unwrap();
        while !stage.is_over() {
            share.hold();
            crew.ask(stage.peer, &SyncRequest::Split { slot, class: Class::Content, range: Range::ALL, parts: 16 });
            crew.react(stage);
        }
        crew.leave();
    };
    withstand("h-requests", "", REQUESTS, attack);
}

fn lying(name: &'static str, lie: Lie) {
    let attack = move |stage: &Stage, share: &mut Share| {
        let mut crew = Crew::join(stage, &stage.address, NAMES, Some(lie));
        while !stage.is_over() {
            share.hold();
            crew.react(stage);
            std::thread::park_timeout(Duration::from_micros(200));
        }
        crew.leave();
    };
    withstand(name, "", End::Greylisted, attack);
}

#[test]
fn one_who_offers_ids_and_withholds_them_is_greylisted() {
    lying("h-withhold", Lie::Withhold);
}

#[test]
fn one_who_lies_in_digests_is_greylisted() {
    lying("h-digests", Lie::Digests);
}

/// A way to the node on which, from the switch on, nothing comes back: the attacker does not read.
fn deaf_way(to: &str, deaf: &Arc<AtomicBool>) -> u16 {
    let port: u16 = to.split('/').nth(4).unwrap().parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let deaf = Arc::clone(deaf);
    std::thread::spawn(move || {
        for inward in listener.incoming() {
            let (Ok(inward), Ok(outward)) = (inward, TcpStream::connect(("127.0.0.1", port))) else { return };
            let (mut back_from, mut back_to) = (outward.try_clone().unwrap(), inward.try_clone().unwrap());
            let deaf = Arc::clone(&deaf);
            std::thread::spawn(move || {
                let (mut from, mut to) = (inward, outward);
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            std::thread::spawn(move || {
                let mut bytes = [0; 4_096];
                while let Ok(count @ 1..) = back_from.read(&mut bytes) {
                    if deaf.load(Ordering::Relaxed) {
                        // Both ends stay open as long as this sleeps, which is until the other one hangs up on us.
                        std::thread::park_timeout(2 * PATIENCE);
                        return;
                    }
                    if back_to.write_all(&bytes[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    own
}

#[test]
fn one_who_reads_nothing_is_disconnected() {
    let attack = |stage: &Stage, share: &mut Share| {
        let deaf = Arc::new(AtomicBool::new(false));
        let way = format!("/ip4/127.0.0.1/tcp/{}", deaf_way(&stage.address, &deaf));
        let mut crew = Crew::join(stage, &way, 1, None);
        wait_for("a connection through the way", || crew.is_met().then_some(()));
        let slots: Vec<_> = (0..1_024).filter_map(Slot::new).collect();
        let (mut number, began) = (0, Instant::now());
        while !stage.is_over() {
            share.hold();
            let (slot, bytes) = (slots[number % slots.len()], ENVELOPES_BYTES_MAX as u32);
            crew.ask(stage.peer, &SyncRequest::Range { slot, class: Class::Content, range: Range::ALL, bytes });
            number += 1;
            crew.react(stage);
            if crew.offered() > 10 || began.elapsed() > Duration::from_secs(3) {
                deaf.store(true, Ordering::Relaxed);
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        crew.leave();
    };
    withstand("h-slow", "", End::Disconnected, attack);
}

/// Thousands of connections that say nothing, from one address, against a node that is not in a mesh on one machine.
#[test]
fn a_flood_of_connections_is_refused_before_it_costs_anything() {
    let attack = |stage: &Stage, share: &mut Share| {
        let port: u16 = stage.address.split('/').nth(4).unwrap().parse().unwrap();
        let mut held = std::collections::VecDeque::new();
        while !stage.is_over() {
            share.hold();
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                stage.offered.fetch_add(1, Ordering::Relaxed);
                held.push_back(stream);
                if held.len() > 500 {
                    held.pop_front();
                }
            }
        }
    };
    withstand("h-connect", "[net]\nloopback = \"off\"\nmdns = false\n", End::Held, attack);
}
