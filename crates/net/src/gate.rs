//! Who may connect at all: nodes whose key is ed25519; when there is an allow list, those on it; nobody who was grey-listed
//! a short while ago; and from one IP address so many, so fast, and no more.
//!
//! A refusal by address happens before a handshake costs anything. A refusal by key happens when the connection's key is
//! known and before any protocol starts, so that nothing else in this crate ever meets a peer without a kernel's form.

use crate::ip_limits::{IpLimits, IpRefusal};
use crate::peer::peer_of;
use libp2p::core::{Endpoint, transport::PortUse};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Grey-listed peers that are kept; beyond it the one that is free soonest is free now.
const GREYLISTED_MAX: usize = 65_536;

/// The gate.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Only these, when there are any.
    allowed: BTreeSet<PeerId>,
    /// Not these, until then.
    greylisted: BTreeMap<PeerId, Instant>,
    /// `None` on loopback, where all nodes have one address.
    limits: Option<IpLimits>,
}

/// Why somebody stays outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GateRefusal {
    /// Its key is of another kind.
    #[error("the peer's key is not ed25519")]
    KeyKind,
    /// There is an allow list, and it is not on it.
    #[error("the peer is not on the allow list")]
    NotAllowed,
    /// It behaved badly not long ago.
    #[error("the peer is grey-listed")]
    Greylisted,
    /// Its address has its share.
    #[error(transparent)]
    Ip(#[from] IpRefusal),
}

impl Gate {
    /// Lets in `allowed`, or everybody when it is empty, within `limits`.
    pub(crate) fn new(allowed: BTreeSet<PeerId>, limits: Option<IpLimits>) -> Self {
        Self { allowed, greylisted: BTreeMap::new(), limits }
    }

    /// Keeps a peer out for a time.
    pub(crate) fn greylist(&mut self, peer: PeerId, time: Duration, now: Instant) {
        self.greylisted.retain(|_, until| *until > now);
        if self.greylisted.len() >= GREYLISTED_MAX {
            let soonest = self.greylisted.iter().min_by_key(|(_, until)| **until).map(|(peer, _)| *peer);
            soonest.and_then(|soonest| self.greylisted.remove(&soonest));
        }
        self.greylisted.insert(peer, now + time);
    }

    /// How many are kept out now.
    pub(crate) fn greylisted(&self) -> usize {
        let now = Instant::now();
        self.greylisted.values().filter(|until| **until > now).count()
    }

    fn judge(&self, peer: &PeerId, now: Instant) -> Result<(), GateRefusal> {
        if peer_of(peer).is_none() {
            return Err(GateRefusal::KeyKind);
        }
        if !self.allowed.is_empty() && !self.allowed.contains(peer) {
            return Err(GateRefusal::NotAllowed);
        }
        if self.greylisted.get(peer).is_some_and(|until| *until > now) {
            return Err(GateRefusal::Greylisted);
        }
        Ok(())
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let Some(limits) = &mut self.limits else { return Ok(()) };
        limits.arrives(connection, from, Instant::now()).map_err(GateRefusal::from).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.judge(&peer, Instant::now()).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if let Some(peer) = peer {
            self.judge(&peer, Instant::now()).map_err(ConnectionDenied::new)?;
        }
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.judge(&peer, Instant::now()).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        let Some(limits) = &mut self.limits else { return };
        match event {
            FromSwarm::ConnectionClosed(closed) => limits.leaves(closed.connection_id),
            FromSwarm::ListenFailure(failed) => limits.leaves(failed.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::identity::Keypair;

    #[test]
    fn only_ed25519_keys_on_the_list_pass() {
        let now = Instant::now();
        let peer = Keypair::generate_ed25519().public().to_peer_id();
        let other = Keypair::generate_ed25519().public().to_peer_id();
        let everybody = Gate::new(BTreeSet::new(), None);
        assert_eq!(everybody.judge(&peer, now), Ok(()));
        assert_eq!(everybody.judge(&PeerId::random(), now), Err(GateRefusal::KeyKind));
        let listed = Gate::new([peer].into(), None);
        assert_eq!(listed.judge(&peer, now), Ok(()));
        assert_eq!(listed.judge(&other, now), Err(GateRefusal::NotAllowed));
    }

    #[test]
    fn who_is_greylisted_is_refused_for_its_time() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3_600));
        let peer = Keypair::generate_ed25519().public().to_peer_id();
        let mut gate = Gate::new(BTreeSet::new(), None);
        gate.greylist(peer, hour, now);
        assert_eq!(gate.greylisted(), 1);
        assert_eq!(gate.judge(&peer, now + hour / 2), Err(GateRefusal::Greylisted));
        assert_eq!(gate.judge(&peer, now + hour), Ok(()));
    }
}
