//! Peers that are known, connected or not: their addresses, and when to try them again.
//!
//! The book survives partitions, so that overlays which split find together again; the node keeps it on disk between
//! two runs. It never dials: [`Book::due`] says whom to dial now.

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

/// A peer whose connection broke is tried this often, however many others are connected.
const RECONNECT_TRIES: u32 = 8;

/// After this many failures in a row a peer leaves the book.
const FAILURES_MAX: u32 = 32;

/// A peer and where it was reached; what a node writes down for its next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownPeer {
    /// Its PeerId.
    pub peer: PeerName,
    /// Its addresses, the surest first.
    pub addresses: Vec<Multiaddr>,
}

#[derive(Clone, Debug)]
struct Entry {
    addresses: Vec<Multiaddr>,
    seen: Instant,
    failures: u32,
    /// Tries left that do not depend on how many others are connected.
    wanted_tries: u32,
    due: Instant,
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
            seen: now,
            failures: 0,
            wanted_tries: 0,
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

    /// The peer is connected.
    pub(crate) fn connected(&mut self, peer: &PeerId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.seen = now;
            entry.failures = 0;
            entry.wanted_tries = 0;
        }
    }

    /// The peer is gone; `wanted` when nobody meant it to go.
    pub(crate) fn disconnected(&mut self, peer: &PeerId, wanted: bool, now: Instant) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.seen = now;
            entry.wanted_tries = if wanted { RECONNECT_TRIES } else { 0 };
            entry.due = now + backoff::delay(0, self.redial_max);
        }
    }

    /// A dial failed.
    pub(crate) fn failed(&mut self, peer: &PeerId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.failures += 1;
            entry.wanted_tries = entry.wanted_tries.saturating_sub(1);
            entry.due = now + backoff::delay(entry.failures, self.redial_max);
            if entry.failures >= FAILURES_MAX {
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

    /// Whom to dial now, at most `most`: those whose connection broke, and, when `more` are wanted, others too.
    pub(crate) fn due(&self, now: Instant, more: bool, most: usize, busy: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let mut due: Vec<_> = self
            .entries
            .iter()
            .filter(|(peer, entry)| entry.due <= now && (more || entry.wanted_tries > 0) && !busy(peer))
            .map(|(peer, entry)| (entry.wanted_tries == 0, entry.failures, entry.due, *peer))
            .collect();
        due.sort_unstable();
        due.into_iter().take(most).map(|(.., peer)| peer).collect()
    }

    /// Everybody, for the node to write down.
    pub(crate) fn all(&self) -> Vec<KnownPeer> {
        let known =
            |(peer, entry): (&PeerId, &Entry)| KnownPeer { peer: PeerName(*peer), addresses: entry.addresses.clone() };
        self.entries.iter().map(known).collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn evict(&mut self) {
        let worst = self.entries.iter().max_by_key(|(_, entry)| (entry.failures, std::cmp::Reverse(entry.seen)));
        if let Some(peer) = worst.map(|(peer, _)| *peer) {
            self.entries.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests;
