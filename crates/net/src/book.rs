//! Peers that are known, connected or not: their addresses, and when to try them again.
//!
//! The book survives partitions, so that overlays which split find together again; the node keeps it on disk between
//! two runs. It never dials: [`Book::due`] says whom to dial now.
//!
//! A peer whose connection broke is *lost*: it is tried every few seconds for an hour, however many others are connected,
//! because a partition that heals must not have to wait for a back-off that grew while it lasted.

use crate::address::ADDRESSES_PER_PEER_MAX;
use crate::backoff;
use libp2p::PeerId;
use multiaddr::Multiaddr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::peer::PeerName;

/// The most peers in the book; beyond it the one that failed most and was seen longest ago leaves.
const PEERS_MAX: usize = 4_096;

/// The longest wait between two tries to reach a lost peer.
pub(crate) const LOST_REDIAL_MAX: Duration = Duration::from_secs(5);

/// After this time a lost peer is one of many that are known: longer than most partitions, and than a reboot.
const LOST_FOR: Duration = Duration::from_secs(60 * 60);

/// After this many failures in a row a peer that was never met leaves the book: somebody merely named it.
const FAILURES_MAX: u32 = 32;

/// After this time without a meeting one that was met leaves it too, if it does not answer.
const UNSEEN_MAX_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// A peer and where it was reached; what a node writes down for its next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownPeer {
    /// Its PeerId.
    pub peer: PeerName,
    /// Its addresses, the surest first.
    pub addresses: Vec<Multiaddr>,
    /// When it was last connected, in milliseconds of Unix time; 0 when it is known by hearsay only.
    #[serde(default)]
    pub seen_ms: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    addresses: Vec<Multiaddr>,
    /// In Unix time, because it outlives the process; 0 before it was met.
    seen_ms: u64,
    failures: u32,
    /// Since when its connection is broken, while nobody meant it to.
    lost: Option<Instant>,
    due: Instant,
}

impl Entry {
    fn is_lost(&self, now: Instant) -> bool {
        self.lost.is_some_and(|since| now.duration_since(since) < LOST_FOR)
    }
}

/// The known peers.
#[derive(Debug)]
pub(crate) struct Book {
    entries: BTreeMap<PeerId, Entry>,
    redial_max: Duration,
}

impl Book {
    pub(crate) fn new(redial_max: Duration) -> Self {
        Self { entries: BTreeMap::new(), redial_max }
    }

    /// Adds addresses of a peer; `sure` ones (it was reached there) stand first.
    pub(crate) fn learn(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, sure: bool, now: Instant) {
        if addresses.is_empty() {
            return;
        }
        if !self.entries.contains_key(&peer) && self.entries.len() >= PEERS_MAX {
            self.evict();
        }
        let entry = self.entries.entry(peer).or_insert_with(|| Entry {
            addresses: Vec::new(),
            seen_ms: 0,
            failures: 0,
            lost: None,
            due: now,
        });
        for address in addresses {
            match entry.addresses.iter().position(|known| *known == address) {
                Some(place) if sure => entry.addresses[..=place].rotate_right(1),
                Some(_) => {}
                None if sure => entry.addresses.insert(0, address),
                None => entry.addresses.push(address),
            }
        }
        entry.addresses.truncate(ADDRESSES_PER_PEER_MAX);
    }

    /// What was told just now replaces what stood there, but for the address that is surest to work.
    pub(crate) fn replace(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, now: Instant) {
        if addresses.is_empty() {
            return;
        }
        if let Some(entry) = self.entries.get_mut(&peer) {
            entry.addresses.truncate(1);
        }
        self.learn(peer, addresses, false, now);
    }

    /// The peer is connected, or was at `now_ms`.
    pub(crate) fn met(&mut self, peer: &PeerId, now_ms: u64) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.seen_ms = now_ms;
            entry.failures = 0;
            entry.lost = None;
        }
    }

    /// The peer is gone; `wanted` when nobody meant it to go.
    pub(crate) fn disconnected(&mut self, peer: &PeerId, wanted: bool, now: Instant) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.lost = wanted.then_some(now);
            entry.due = now + backoff::delay(0, self.redial_max);
        }
    }

    /// A dial failed.
    pub(crate) fn failed(&mut self, peer: &PeerId, now: Instant, now_ms: u64) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.failures = entry.failures.saturating_add(1);
            let lost = entry.is_lost(now);
            let cap = if lost { LOST_REDIAL_MAX.min(self.redial_max) } else { self.redial_max };
            entry.due = now + backoff::delay(entry.failures, cap);
            let forgotten = now_ms.saturating_sub(entry.seen_ms) > UNSEEN_MAX_MS;
            if entry.failures >= FAILURES_MAX && forgotten && !lost {
                self.entries.remove(peer);
            }
        }
    }

    /// Strikes a peer out.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.entries.remove(peer);
    }

    /// A peer's addresses.
    pub(crate) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.entries.get(peer).map(|entry| entry.addresses.clone()).unwrap_or_default()
    }

    /// Whom to dial now, at most `most`: those that are lost, and, when `more` are wanted, others too.
    pub(crate) fn due(&self, now: Instant, more: bool, most: usize, busy: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let mut due: Vec<_> = self
            .entries
            .iter()
            .filter(|(peer, entry)| entry.due <= now && (more || entry.is_lost(now)) && !busy(peer))
            .map(|(peer, entry)| (!entry.is_lost(now), entry.failures, entry.due, *peer))
            .collect();
        due.sort_unstable();
        due.into_iter().take(most).map(|(.., peer)| peer).collect()
    }

    /// Everybody, for the node to write down.
    pub(crate) fn all(&self) -> Vec<KnownPeer> {
        let known = |(peer, entry): (&PeerId, &Entry)| KnownPeer {
            peer: PeerName(*peer),
            addresses: entry.addresses.clone(),
            seen_ms: entry.seen_ms,
        };
        self.entries.iter().map(known).collect()
    }

    /// The addresses of peers that were met.
    pub(crate) fn met_addresses(&self) -> impl Iterator<Item = Multiaddr> {
        self.entries.values().filter(|entry| entry.seen_ms > 0).flat_map(|entry| entry.addresses.iter().cloned())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn evict(&mut self) {
        let worst = self.entries.iter().max_by_key(|(_, entry)| (entry.failures, std::cmp::Reverse(entry.seen_ms)));
        if let Some(peer) = worst.map(|(peer, _)| *peer) {
            self.entries.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests;
