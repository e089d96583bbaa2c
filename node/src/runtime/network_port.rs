//! The network as the home shows it: the swarm's last snapshot in the home's words.

use tidepool_home::{NetworkPort, NetworkStatus, PeerStatus};
use tidepool_net::{NetHandle, NetStatus};
use tokio::sync::watch;

/// The snapshots of one network.
pub(crate) struct NetworkLink(watch::Receiver<NetStatus>);

impl NetworkLink {
    pub(crate) fn new(net: &NetHandle) -> Self {
        Self(net.status())
    }
}

impl NetworkPort for NetworkLink {
    fn status(&self) -> NetworkStatus {
        let status = self.0.borrow();
        let peers = status.peers.iter().map(|peer| PeerStatus {
            peer_id: peer.peer_id.clone(),
            key: Some(peer.peer),
            addresses: peer.addresses.iter().map(ToString::to_string).collect(),
            agent_version: Some(peer.agent.clone()).filter(|agent| !agent.is_empty()),
            rtt_ms: peer.rtt_us.map(|micros| micros.div_ceil(1000)),
            via: peer.via.name(),
            direction: peer.direction.name(),
            since_ms: peer.since_ms,
            score: peer.score,
        });
        NetworkStatus {
            peer_id: status.peer_id.clone(),
            listen: status.listen.iter().map(ToString::to_string).collect(),
            reachability: status.reachability.name(),
            private: status.private,
            greylisted: status.greylisted,
            peers: peers.collect(),
            topics: status.topics.iter().map(|topic| topic.name.clone()).collect(),
        }
    }
}
