//! What gossip proves against the peer that sent it, beyond frames that are rejected.
//!
//! An honest node forwards a frame only when every envelope in it is young, and of a crowd at one position no more than it
//! keeps. So old news, and crowds without end, are the sender's own doing, whoever signed them.

use super::recent::RecentMap;
use crate::peer::Peer;
use tidepool_protocol::ids::{Hash, sha256};
use tidepool_protocol::limits::GOSSIP_AGE_MS_MAX;
use tidepool_protocol::{Header, TimeMs};

/// An envelope older than this was too old for gossip when it was sent, however slow the way and wrong the clocks within
/// the other half of it.
pub(crate) const STALE_MS: u64 = 2 * GOSSIP_AGE_MS_MAX;

/// How long a young frame of another peer shows that our clock is right.
const WITNESS_MS: u64 = 10 * 60 * 1_000;

/// Surplus envelopes at one position that one peer may have sent. An honest one forwards the first that it meets, or the
/// first and two that come in one frame; all three may be surplus here. What goes beyond twice that and two is its own doing.
const SURPLUS_MAX: u32 = 8;

/// Positions of which a peer's surplus is counted; the oldest are forgotten first.
const POSITIONS_MAX: usize = 16_384;

/// A position of a log, as short as it gets.
pub(crate) type Position = Hash;

/// The position of an envelope with this header.
pub(crate) fn position(header: &Header) -> Position {
    let scope = header.scope.to_string();
    let (epoch, seq) = (header.epoch.0.to_be_bytes(), header.seq.to_be_bytes());
    sha256(&[&header.author.0, &header.key.0, &epoch, &seq, scope.as_bytes()])
}

/// The books.
#[derive(Debug)]
pub(crate) struct Proofs {
    surplus: RecentMap<(Peer, Position), u32>,
    /// The two peers whose frames were accepted last, and when.
    young: [Option<(Peer, TimeMs)>; 2],
}

impl Proofs {
    pub(crate) const fn new() -> Self {
        Self { surplus: RecentMap::new(POSITIONS_MAX), young: [None; 2] }
    }

    /// A frame of `from` was accepted: all in it was young by our clock.
    pub(crate) fn accepted(&mut self, from: Peer, now: TimeMs) {
        if self.young[0].is_none_or(|(peer, _)| peer != from) {
            self.young[1] = self.young[0];
        }
        self.young[0] = Some((from, now));
    }

    /// Whether an envelope of `time` in a frame of `from` proves anything: it is old, and not by a clock of ours that runs
    /// ahead, for another peer's frames are young.
    pub(crate) fn is_stale(&self, from: Peer, time: TimeMs, now: TimeMs) -> bool {
        let vouches = |(peer, at): &(Peer, TimeMs)| *peer != from && now.since_ms(*at) <= WITNESS_MS;
        now.since_ms(time) > STALE_MS && self.young.iter().flatten().any(vouches)
    }

    /// Counts one envelope of `from` that is more than a position holds; whether that is more than an honest peer sends.
    pub(crate) fn surplus(&mut self, from: Peer, position: Position) -> bool {
        let count = self.surplus.get(&(from, position)).copied().unwrap_or(0).saturating_add(1);
        self.surplus.insert((from, position), count);
        count > SURPLUS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidepool_protocol::PublicKey;

    #[test]
    fn old_news_prove_something_only_where_another_peer_shows_that_the_clock_is_right() {
        let (old, now) = (TimeMs(0), TimeMs(STALE_MS + 1));
        let [teller, other] = [1, 2].map(|number| PublicKey([number; 32]));
        let mut proofs = Proofs::new();
        assert!(!proofs.is_stale(teller, old, now), "nobody vouches for the clock");
        proofs.accepted(teller, now);
        assert!(!proofs.is_stale(teller, old, now), "nobody else does");
        proofs.accepted(other, now);
        proofs.accepted(teller, now);
        proofs.accepted(teller, now);
        assert!(proofs.is_stale(teller, old, now));
        assert!(!proofs.is_stale(teller, TimeMs(1), now), "it is young enough");
        let later = now.plus_ms(WITNESS_MS + 1);
        proofs.accepted(teller, later);
        assert!(!proofs.is_stale(teller, old, later), "that was too long ago");
    }

    #[test]
    fn a_crowd_is_counted_by_peer_and_position() {
        let mut proofs = Proofs::new();
        let [one, other] = [1, 2].map(|number| PublicKey([number; 32]));
        let counted =
            |proofs: &mut Proofs, peer, place| (0..9).map(|_| proofs.surplus(peer, [place; 32])).collect::<Vec<_>>();
        let proved = [vec![false; 8], vec![true]].concat();
        assert_eq!(counted(&mut proofs, one, 1), proved);
        assert_eq!(counted(&mut proofs, one, 2), proved);
        assert_eq!(counted(&mut proofs, other, 1), proved);
    }
}
