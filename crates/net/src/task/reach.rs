//! How this node is reached: AutoNAT says whether others can, relays carry who cannot, holes are punched on top.
//!
//! Addresses of this node that others saw are tried by peers that dial back (AutoNAT v2). While none of them works, the
//! node asks connected relays for a place, at most [`RELAYS_MAX`], and tells others of the addresses there. Once a peer
//! comes in through a relay, both sides try to connect directly (DCUtR); when that works, the circuit is closed.

use super::Task;
use crate::counters::count;
use crate::status::Reachability;
use libp2p::autonat::v2::client;
use libp2p::core::transport::ListenerId;
use libp2p::{PeerId, dcutr, relay};
use multiaddr::{Multiaddr, Protocol};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Relays at which this node has a place: one may go away.
const RELAYS_MAX: usize = 2;

/// A relay that refused a place is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// A circuit beside a direct connection is closed after this: gossip moves over meanwhile.
const CIRCUIT_GRACE: Duration = Duration::from_secs(5);

/// How this node is reached, and by whom it is carried.
#[derive(Debug, Default)]
pub(super) struct Reach {
    pub(super) state: Reachability,
    places: BTreeMap<PeerId, Place>,
}

/// A place at a relay.
#[derive(Debug)]
struct Place {
    /// `None` while it is refused.
    listener: Option<ListenerId>,
    asked: Instant,
}

impl Task {
    pub(super) fn on_tested(&mut self, event: &client::Event) {
        tracing::debug!(address = %event.tested_addr, server = %event.server, result = ?event.result, "address tested");
        let reach = &mut self.reach;
        let state = match event.result {
            Ok(()) => {
                count(&self.counters.addresses_reached);
                Reachability::Public
            }
            Err(_) => {
                count(&self.counters.addresses_unreached);
                // One failure is believed, because all it costs is a place at a relay; one success takes it back.
                if reach.state == Reachability::Unknown { Reachability::Private } else { reach.state }
            }
        };
        if state != reach.state {
            tracing::info!(?state, address = %event.tested_addr, "how others reach this node");
            reach.state = state;
            self.changed = true;
        }
    }

    /// Asks for places at relays while nobody reaches this node otherwise, and leaves them when somebody does.
    pub(super) fn look_for_relays(&mut self) {
        if !self.settings.traverses_nat() {
            return;
        }
        if self.reach.state != Reachability::Private {
            for place in std::mem::take(&mut self.reach.places).into_values() {
                if let Some(listener) = place.listener {
                    self.swarm.remove_listener(listener);
                }
            }
            return;
        }
        let now = Instant::now();
        let peers = &self.peers;
        self.reach.places.retain(|relay, place| {
            peers.contains_key(relay) && (place.listener.is_some() || now.duration_since(place.asked) < ASK_AGAIN)
        });
        let relays: Vec<_> = self
            .peers
            .iter()
            .filter(|(id, peer)| peer.is_relay() && !self.reach.places.contains_key(id))
            .filter_map(|(id, peer)| Some((*id, peer.direct_address()?)))
            .collect();
        for (relay, address) in relays {
            if self.reach.places.values().filter(|place| place.listener.is_some()).count() >= RELAYS_MAX {
                return;
            }
            let circuit = address.with(Protocol::P2p(relay)).with(Protocol::P2pCircuit);
            tracing::info!(%circuit, "asking for a place at a relay");
            let listener = self.swarm.listen_on(circuit).inspect_err(|error| tracing::debug!(%error, "no place")).ok();
            self.reach.places.insert(relay, Place { listener, asked: now });
        }
    }

    /// A listener is gone; if it was a place at a relay, that relay refused or left.
    pub(super) fn on_listener_closed(&mut self, listener: ListenerId) -> bool {
        let place = self.reach.places.values_mut().find(|place| place.listener == Some(listener));
        place.map(|place| place.listener = None).is_some()
    }

    pub(super) fn on_relay_client_event(&mut self, event: &relay::client::Event) {
        match event {
            relay::client::Event::ReservationReqAccepted { relay_peer_id, renewal, .. } => {
                tracing::info!(relay = %relay_peer_id, renewal, "a relay keeps a place for this node");
                self.changed = true;
            }
            relay::client::Event::OutboundCircuitEstablished { .. }
            | relay::client::Event::InboundCircuitEstablished { .. } => count(&self.counters.circuits_used),
        }
    }

    pub(super) fn on_relay_server_event(&mut self, event: &relay::Event) {
        match event {
            relay::Event::ReservationReqAccepted { renewed: false, .. } => count(&self.counters.relay_places),
            relay::Event::CircuitReqAccepted { .. } => count(&self.counters.relay_circuits),
            relay::Event::ReservationReqDenied { .. } | relay::Event::CircuitReqDenied { .. } => {
                count(&self.counters.relay_refusals);
            }
            // The library's enum has arms that it is about to drop; the rest ends what was counted when it began.
            _ => {}
        }
    }

    pub(super) fn on_punched(&mut self, event: &dcutr::Event) {
        match &event.result {
            Ok(_) => count(&self.counters.holes_punched),
            Err(error) => {
                count(&self.counters.holes_failed);
                tracing::debug!(peer = %event.remote_peer_id, %error, "no direct connection");
            }
        }
    }

    /// Closes circuits to peers that are connected directly by now.
    pub(super) fn close_needless_circuits(&mut self) {
        let needless: Vec<_> = self
            .peers
            .values()
            .filter(|peer| {
                let direct = |known: &&super::peers::Connection| !known.relayed;
                peer.connections.iter().filter(direct).any(|known| known.opened.elapsed() > CIRCUIT_GRACE)
            })
            .flat_map(|peer| peer.connections.iter().filter(|known| known.relayed).map(|known| known.id))
            .collect();
        for connection in needless {
            self.swarm.close_connection(connection);
        }
    }
}

impl super::peers::Connected {
    /// Whether it carries others.
    fn is_relay(&self) -> bool {
        let hop = relay::HOP_PROTOCOL_NAME;
        self.identity.as_ref().is_some_and(|identity| identity.protocols.iter().any(|known| *known == hop.as_ref()))
    }

    /// An address at which it was reached without a relay.
    fn direct_address(&self) -> Option<Multiaddr> {
        let direct = |known: &&super::peers::Connection| !known.relayed && known.is_outbound();
        self.connections.iter().find(direct).map(|known| crate::address::without_peer(known.address.clone()))
    }
}
