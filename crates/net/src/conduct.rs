//! What peers do outside gossip, and how much of everything they send: the application's part of their score.
//!
//! Points are taken for what breaks the protocol (requests and answers that are no frames) and for what goes beyond the
//! rates below; they come back with time. And for lies that the kernel proves from a peer's own answers. Nothing that an
//! honest, slow or old node does takes any.

use libp2p::PeerId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Points that a request or an answer takes which is no frame: sixteen grey-list.
pub(crate) const BROKEN_FRAME: f64 = 1_000.0;

/// Points that a lie takes which the kernel proved from the peer's own answers: one grey-lists.
pub(crate) const LIE: f64 = 17_000.0;

/// Points that a frame takes which goes on with a crowd at one position of a log: nine grey-list. It is the sender's own doing
/// for certain, but that of a node which lost its data is told apart from it by number only.
pub(crate) const CROWD: f64 = 2_000.0;

/// Points that each frame or request beyond its rate takes: 4,000 grey-list.
pub(crate) const BEYOND_RATE: f64 = 4.0;

/// Points that each bundle of another version beyond its rate takes: a thousand grey-list. Nobody but its sender had a part in it,
/// as nodes of our version forward none.
pub(crate) const UNREADABLE: f64 = 16.0;

/// Points lose half of themselves in this time.
const HALF_LIFE: Duration = Duration::from_secs(10 * 60);

/// Frames of gossip that one peer may send in a second, and at once. A network at the rates that this node could verify
/// brings some hundreds of bundles; the burst is what a peer may have held back while we were busy.
const FRAMES: Rate = Rate { per_second: 1_000.0, burst: 5_000.0 };

/// Sync requests that one peer may send in a second, and at once. Pages are of a megabyte, so a session needs few.
const REQUESTS: Rate = Rate { per_second: 500.0, burst: 2_000.0 };

/// Frames of old news that one peer may send in a second, and at once: what a node with a wrong clock has to say of its own.
const STALE: Rate = Rate { per_second: 5.0, burst: 100.0 };

/// Bundles of another version that one peer may send in a second, and at once: what a node with some agents says of its own. One
/// that says more and is newer loses nothing here that we could have read.
const UNREADABLES: Rate = Rate { per_second: 50.0, burst: 500.0 };

/// Peers of whom something is kept, connected or not; beyond it the one with the fewest points is forgotten.
const PEERS_MAX: usize = 4_096;

#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: f64,
    burst: f64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * rate.per_second).min(rate.burst);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

#[derive(Debug)]
struct Peer {
    points: f64,
    at: Instant,
    frames: Bucket,
    requests: Bucket,
    stale: Bucket,
    unreadable: Bucket,
}

impl Peer {
    fn points(&self, now: Instant) -> f64 {
        let halves = now.saturating_duration_since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.points * 0.5_f64.powf(halves)
    }
}

/// The books on everybody's conduct.
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    peers: BTreeMap<PeerId, Peer>,
}

impl Conduct {
    fn peer(&mut self, id: PeerId, now: Instant) -> &mut Peer {
        if !self.peers.contains_key(&id) && self.peers.len() >= PEERS_MAX {
            let least = self.peers.iter().min_by(|one, other| one.1.points(now).total_cmp(&other.1.points(now)));
            if let Some(least) = least.map(|(id, _)| *id) {
                self.peers.remove(&least);
            }
        }
        let full = |rate: Rate| Bucket { left: rate.burst, at: now };
        self.peers.entry(id).or_insert_with(|| Peer {
            points: 0.0,
            at: now,
            frames: full(FRAMES),
            requests: full(REQUESTS),
            stale: full(STALE),
            unreadable: full(UNREADABLES),
        })
    }

    /// Takes points; gives what the peer's application score is now.
    #[must_use]
    pub(crate) fn blame(&mut self, id: PeerId, points: f64, now: Instant) -> f64 {
        let peer = self.peer(id, now);
        peer.points = peer.points(now) + points;
        peer.at = now;
        -peer.points
    }

    /// Whether a frame of gossip is within the peer's rate.
    pub(crate) fn takes_frame(&mut self, id: PeerId, now: Instant) -> bool {
        self.peer(id, now).frames.take(FRAMES, now)
    }

    /// Whether a request is within the peer's rate.
    pub(crate) fn takes_request(&mut self, id: PeerId, now: Instant) -> bool {
        self.peer(id, now).requests.take(REQUESTS, now)
    }

    /// Whether a frame of old news is within the peer's rate.
    pub(crate) fn takes_stale(&mut self, id: PeerId, now: Instant) -> bool {
        self.peer(id, now).stale.take(STALE, now)
    }

    /// Whether a bundle of another version is within the peer's rate.
    pub(crate) fn takes_unreadable(&mut self, id: PeerId, now: Instant) -> bool {
        self.peer(id, now).unreadable.take(UNREADABLES, now)
    }

    /// The application score of everybody who has points, and forgets who is not connected and has none left.
    pub(crate) fn scores(&mut self, now: Instant, connected: impl Fn(&PeerId) -> bool) -> Vec<(PeerId, f64)> {
        self.peers.retain(|id, peer| peer.points(now) >= 1.0 || connected(id));
        self.peers.iter().filter(|(_, peer)| peer.points > 0.0).map(|(id, peer)| (*id, -peer.points(now))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_add_up_and_come_back() {
        let (mut conduct, id, now) = (Conduct::default(), PeerId::random(), Instant::now());
        assert!(conduct.scores(now, |_| true).is_empty());
        for times in 1..=3 {
            assert!((conduct.blame(id, BROKEN_FRAME, now) + f64::from(times) * BROKEN_FRAME).abs() < 1e-6);
        }
        let later = conduct.scores(now + HALF_LIFE, |_| false);
        assert!((later[0].1 + 1_500.0).abs() < 1e-6, "{later:?}");
        assert!(conduct.scores(now + 20 * HALF_LIFE, |_| false).is_empty(), "what is forgotten is not kept");
        assert!(conduct.peers.is_empty());
    }

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let (mut conduct, id, now) = (Conduct::default(), PeerId::random(), Instant::now());
        let passed = (0..10_000).filter(|_| conduct.takes_frame(id, now)).count();
        assert_eq!(passed, 5_000);
        let later = now + Duration::from_secs(1);
        assert_eq!((0..10_000).filter(|_| conduct.takes_frame(id, later)).count(), 1_000);
        assert_eq!((0..10_000).filter(|_| conduct.takes_request(id, now)).count(), 2_000);
        assert_eq!((0..10_000).filter(|_| conduct.takes_stale(id, now)).count(), 100);
        assert_eq!((0..10_000).filter(|_| conduct.takes_unreadable(id, now)).count(), 500);
        assert!(conduct.takes_frame(PeerId::random(), now), "others have their own");
    }

    #[test]
    fn the_books_are_bounded_and_keep_the_worst() {
        let (mut conduct, worst, now) = (Conduct::default(), PeerId::random(), Instant::now());
        let _ = conduct.blame(worst, BROKEN_FRAME, now);
        for _ in 0..PEERS_MAX + 10 {
            conduct.takes_frame(PeerId::random(), now);
        }
        assert_eq!(conduct.peers.len(), PEERS_MAX);
        assert!(conduct.peers.contains_key(&worst));
    }
}
