//! Who may connect at all: nodes whose key is ed25519, and, when there is an allow list, those on it.
//!
//! A refusal happens when the connection's key is known and before any protocol starts, so that nothing else in this crate
//! ever meets a peer without a kernel's form.

use crate::peer::peer_of;
use libp2p::core::{Endpoint, transport::PortUse};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::task::{Context, Poll};

/// The gate.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Only these, when there are any.
    allowed: BTreeSet<PeerId>,
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
}

impl Gate {
    /// Lets in `allowed`, or everybody when it is empty.
    pub(crate) fn new(allowed: BTreeSet<PeerId>) -> Self {
        Self { allowed }
    }

    fn judge(&self, peer: &PeerId) -> Result<(), GateRefusal> {
        if peer_of(peer).is_none() {
            return Err(GateRefusal::KeyKind);
        }
        if !self.allowed.is_empty() && !self.allowed.contains(peer) {
            return Err(GateRefusal::NotAllowed);
        }
        Ok(())
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.judge(&peer).map_err(ConnectionDenied::new)?;
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
            self.judge(&peer).map_err(ConnectionDenied::new)?;
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
        self.judge(&peer).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

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
        let peer = Keypair::generate_ed25519().public().to_peer_id();
        let other = Keypair::generate_ed25519().public().to_peer_id();
        assert_eq!(Gate::new(BTreeSet::new()).judge(&peer), Ok(()));
        assert_eq!(Gate::new(BTreeSet::new()).judge(&PeerId::random()), Err(GateRefusal::KeyKind));
        let listed = Gate::new([peer].into());
        assert_eq!(listed.judge(&peer), Ok(()));
        assert_eq!(listed.judge(&other), Err(GateRefusal::NotAllowed));
    }
}
