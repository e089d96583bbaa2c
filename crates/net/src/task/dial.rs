//! Whom to dial, and when: seeds for ever, peers whose connection broke, and known ones while more are wanted.

use super::Task;
use super::peers::unix_ms;
use crate::address::{peer_in, without_peer};
use crate::backoff;
use crate::book::{KnownPeer, LOST_REDIAL_MAX};
use crate::counters::count;
use libp2p::PeerId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use multiaddr::Multiaddr;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Connections that are being made at once, beyond which known peers wait for their turn.
const DIALS_MAX: u32 = 16;

/// How long a peer of another network is left alone.
const SHUN: Duration = Duration::from_secs(60 * 60);

/// The most peers that are left alone; beyond it the oldest is tried again, and sent away again.
const SHUNNED_MAX: usize = 1_024;

/// The seeds and their dials, and who is left alone.
#[derive(Debug)]
pub(super) struct Dials {
    seeds: Vec<Seed>,
    shunned: BTreeMap<PeerId, Instant>,
}

#[derive(Debug)]
struct Seed {
    address: Multiaddr,
    /// Who answers there: from its address, or from the last connection.
    peer: Option<PeerId>,
    dialling: Option<ConnectionId>,
    /// Dials since it was last found to be of our network.
    tries: u32,
    /// It was found to be of our network: when it is lost, it is back soon.
    met: bool,
    due: Instant,
    /// It is this node itself.
    own: bool,
}

impl Dials {
    pub(super) fn new(seeds: &[Multiaddr], local: PeerId) -> Self {
        let now = Instant::now();
        let seed = |address: &Multiaddr| Seed {
            peer: peer_in(address),
            own: peer_in(address) == Some(local),
            address: address.clone(),
            dialling: None,
            tries: 0,
            met: false,
            due: now,
        };
        Self { seeds: seeds.iter().map(seed).collect(), shunned: BTreeMap::new() }
    }

    /// A connection stands; says whether it is a seed's.
    pub(super) fn connected(&mut self, connection: ConnectionId, peer: PeerId) -> bool {
        match self.seeds.iter_mut().find(|seed| seed.dialling == Some(connection)) {
            Some(seed) => {
                seed.dialling = None;
                seed.peer = Some(peer);
                true
            }
            None => false,
        }
    }

    /// A peer is of our network: if it is a seed, its next redial is a first one.
    pub(super) fn identified(&mut self, peer: &PeerId) {
        for seed in self.seeds.iter_mut().filter(|seed| seed.peer.as_ref() == Some(peer)) {
            seed.tries = 0;
            seed.met = true;
        }
    }

    fn failed(&mut self, connection: ConnectionId, error: &DialError) {
        if let Some(seed) = self.seeds.iter_mut().find(|seed| seed.dialling == Some(connection)) {
            seed.dialling = None;
            seed.own |= matches!(error, DialError::LocalPeerId { .. });
            if !seed.own {
                // The library says one address on each line.
                let error = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
                tracing::info!(seed = %seed.address, tries = seed.tries, error, "seed not reached");
            }
        }
    }

    /// Leaves a peer of another network alone for a while.
    pub(super) fn shun(&mut self, peer: PeerId, now: Instant) {
        if self.shunned.len() >= SHUNNED_MAX {
            let oldest = self.shunned.iter().min_by_key(|(_, since)| **since).map(|(peer, _)| *peer);
            oldest.and_then(|oldest| self.shunned.remove(&oldest));
        }
        self.shunned.insert(peer, now);
    }

    pub(super) fn is_shunned(&self, peer: &PeerId, now: Instant) -> bool {
        self.shunned.get(peer).is_some_and(|since| now.duration_since(*since) < SHUN)
    }
}

impl Task {
    /// Takes over the peers of the last run.
    pub(crate) fn remember(&mut self, known: Vec<KnownPeer>) {
        let (local, now) = (*self.swarm.local_peer_id(), Instant::now());
        for KnownPeer { peer, addresses, seen_ms } in known {
            if peer.0 != local {
                let addresses = addresses.into_iter().map(without_peer).collect();
                self.book.learn(peer.0, addresses, false, now);
                self.book.met(&peer.0, seen_ms);
            }
        }
    }

    pub(super) fn dial_seeds(&mut self) {
        let now = Instant::now();
        for place in 0..self.dials.seeds.len() {
            let seed = &self.dials.seeds[place];
            let there =
                seed.peer.is_some_and(|peer| self.peers.contains_key(&peer) || self.dials.is_shunned(&peer, now));
            if seed.own || seed.dialling.is_some() || seed.due > now || there {
                continue;
            }
            let opts: DialOpts = match peer_in(&seed.address) {
                Some(peer) => DialOpts::peer_id(peer)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(vec![seed.address.clone()])
                    .build(),
                None => DialOpts::unknown_peer_id().address(seed.address.clone()).build(),
            };
            let connection = opts.connection_id();
            let dialled = self.dial(opts);
            let seed = &mut self.dials.seeds[place];
            seed.dialling = dialled.is_ok().then_some(connection);
            seed.tries = seed.tries.saturating_add(1);
            let cap = if seed.met { self.timing.redial_max.min(LOST_REDIAL_MAX) } else { self.timing.redial_max };
            seed.due = now + backoff::delay(seed.tries, cap);
        }
    }

    /// Dials peers of the book that are due.
    pub(super) fn dial_known(&mut self) {
        let pending = self.swarm.network_info().connection_counters().num_pending_outgoing();
        let room = usize::try_from(DIALS_MAX.saturating_sub(pending)).unwrap_or(0);
        if room == 0 {
            return;
        }
        let now = Instant::now();
        let more = self.peers.len() < self.settings.peers_wanted;
        let busy = |peer: &PeerId| self.peers.contains_key(peer) || self.dials.is_shunned(peer, now);
        for peer in self.book.due(now, more, room, busy) {
            if let Err(error) = self.dial_peer(peer) {
                // One that is dialled already is no failure, but its turn is over either way.
                self.book.failed(&peer, now, unix_ms());
                tracing::debug!(%peer, %error, "known peer not dialled");
            }
        }
    }

    /// Dials a peer at the addresses that the book, or a query of Kademlia that runs just now, knows.
    pub(super) fn dial_peer(&mut self, peer: PeerId) -> Result<(), DialError> {
        let opts = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(self.book.addresses(&peer))
            .extend_addresses_through_behaviour()
            .build();
        self.dial(opts)
    }

    pub(super) fn on_dial_failed(&mut self, connection: ConnectionId, peer: Option<PeerId>, error: &DialError) {
        count(&self.counters.dial_failures);
        tracing::debug!(peer = peer.map(tracing::field::display), %error, "dial failed");
        self.dials.failed(connection, error);
        if let Some(peer) = peer {
            if !self.peers.contains_key(&peer) {
                self.book.failed(&peer, Instant::now(), unix_ms());
            }
            self.not_reached(&peer);
        }
    }
}
