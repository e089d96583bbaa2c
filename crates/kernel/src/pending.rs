//! Envelopes that wait for an identity: their author's, or that of a home that gives its word.
//!
//! Bounded by count, bytes, age and the share of one peer; when there is no room, what comes is dropped, and
//! anti-entropy brings it back. The sender is asked first, then others, with back-off.

#[cfg(test)]
mod tests;

use crate::clock::Steady;
use crate::peer::Peer;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::{AuthorId, Envelope, EnvelopeId, Verified};

/// Waits before the second, third and fourth attempt, in milliseconds; then the envelope expires.
const BACK_OFF_MS: [u64; 4] = [1_500, 5_000, 15_000, 30_000];

/// How an envelope came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// By gossip: published again once it is admitted, if it is young enough.
    Gossip,
    /// By sync.
    Sync,
}

/// One that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) envelope: Verified<Envelope>,
    pub(crate) from: Peer,
    pub(crate) came: Came,
    since: Steady,
}

#[derive(Debug)]
struct Missing {
    waiting: BTreeMap<EnvelopeId, Waiting>,
    attempts: usize,
    next: Steady,
    asked: BTreeSet<Peer>,
}

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    pub(crate) peer_share: usize,
    pub(crate) age_ms: u64,
}

/// The queue, by the identity that is missed.
#[derive(Debug)]
pub(crate) struct PendingQueue {
    bounds: Bounds,
    missing: BTreeMap<AuthorId, Missing>,
    /// Nothing is due before this.
    soonest: Steady,
    count: usize,
    bytes: usize,
    of_peer: BTreeMap<Peer, (usize, usize)>,
}

impl PendingQueue {
    pub(crate) const fn new(bounds: Bounds) -> Self {
        Self { bounds, missing: BTreeMap::new(), soonest: Steady(0), count: 0, bytes: 0, of_peer: BTreeMap::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// How many of `peer`'s wait.
    pub(crate) fn of(&self, peer: &Peer) -> usize {
        self.of_peer.get(peer).map_or(0, |(count, _)| *count)
    }

    /// Whether `author`'s identity is waited for.
    pub(crate) fn misses(&self, author: &AuthorId) -> bool {
        self.missing.contains_key(author)
    }

    /// Lets an envelope wait for `author`; `false` when there is no room for it.
    pub(crate) fn add(
        &mut self,
        author: AuthorId,
        envelope: Verified<Envelope>,
        from: Peer,
        came: Came,
        now: Steady,
    ) -> bool {
        let bytes = envelope.bytes().len();
        let (of_count, of_bytes) = self.of_peer.get(&from).copied().unwrap_or_default();
        let share = self.bounds.peer_share.max(1);
        let fits = self.count < self.bounds.count
            && self.bytes + bytes <= self.bounds.bytes
            && of_count < self.bounds.count / share
            && of_bytes + bytes <= self.bounds.bytes / share;
        if !fits {
            return false;
        }
        if !self.missing.contains_key(&author) {
            self.soonest = now;
        }
        let missing = self.missing.entry(author).or_insert_with(|| Missing {
            waiting: BTreeMap::new(),
            attempts: 0,
            next: now,
            asked: BTreeSet::new(),
        });
        let id = envelope.id();
        if missing.waiting.contains_key(&id) {
            return true;
        }
        missing.waiting.insert(id, Waiting { envelope, from, came, since: now });
        self.count += 1;
        self.bytes += bytes;
        let of = self.of_peer.entry(from).or_default();
        of.0 += 1;
        of.1 += bytes;
        true
    }

    fn forget(&mut self, waiting: &Waiting) {
        let bytes = waiting.envelope.bytes().len();
        self.count -= 1;
        self.bytes -= bytes;
        if let Some(of) = self.of_peer.get_mut(&waiting.from) {
            of.0 -= 1;
            of.1 -= bytes;
            if of.0 == 0 {
                self.of_peer.remove(&waiting.from);
            }
        }
    }

    /// Takes out what waits for `author`.
    pub(crate) fn take(&mut self, author: &AuthorId) -> Vec<Waiting> {
        let Some(missing) = self.missing.remove(author) else { return Vec::new() };
        let waiting: Vec<Waiting> = missing.waiting.into_values().collect();
        for one in &waiting {
            self.forget(one);
        }
        waiting
    }

    /// Whom to ask for what now: the senders first, then `others`. Each call counts as an attempt.
    pub(crate) fn ask(&mut self, now: Steady, connected: &BTreeSet<Peer>, others: &[Peer]) -> Vec<(Peer, AuthorId)> {
        let mut asks = Vec::new();
        for (author, missing) in &mut self.missing {
            if missing.next > now || missing.attempts >= BACK_OFF_MS.len() {
                continue;
            }
            let senders = missing.waiting.values().map(|waiting| waiting.from);
            let candidate = senders
                .chain(others.iter().copied())
                .find(|peer| connected.contains(peer) && !missing.asked.contains(peer));
            // When everybody was asked, the round begins anew.
            let peer = candidate.or_else(|| {
                missing.asked.clear();
                let senders = missing.waiting.values().map(|waiting| waiting.from);
                senders.chain(others.iter().copied()).find(|peer| connected.contains(peer))
            });
            missing.next = now.plus_ms(BACK_OFF_MS[missing.attempts]);
            missing.attempts += 1;
            if let Some(peer) = peer {
                missing.asked.insert(peer);
                asks.push((peer, *author));
            }
        }
        self.soonest = self.missing.values().map(|missing| missing.next).min().unwrap_or(now);
        asks
    }

    /// The peer that was asked does not have it: the next attempt is due at once.
    pub(crate) fn hurry(&mut self, author: &AuthorId, now: Steady) {
        if let Some(missing) = self.missing.get_mut(author) {
            missing.next = now;
            self.soonest = now;
        }
    }

    /// Drops what has waited too long, and all that nobody will be asked for any more. Returns how many.
    pub(crate) fn expire(&mut self, now: Steady) -> usize {
        let age_ms = self.bounds.age_ms;
        let mut gone = Vec::new();
        self.missing.retain(|_, missing| {
            let given_up = missing.attempts >= BACK_OFF_MS.len() && missing.next <= now;
            let old: Vec<EnvelopeId> = missing
                .waiting
                .iter()
                .filter(|(_, waiting)| given_up || now.since_ms(waiting.since) > age_ms)
                .map(|(id, _)| *id)
                .collect();
            gone.extend(old.iter().filter_map(|id| missing.waiting.remove(id)));
            !missing.waiting.is_empty()
        });
        for one in &gone {
            self.forget(one);
        }
        gone.len()
    }

    /// When something is next due, or earlier.
    pub(crate) fn due(&self) -> Option<Steady> {
        (!self.missing.is_empty()).then_some(self.soonest)
    }
}
