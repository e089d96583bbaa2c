//! The status that others watch, made from the task's state when that changed, once a tick at most.

use super::Task;
use crate::gossip::ident_topic;
use crate::status::{Direction, NetStatus, PeerStatus, TopicStatus, Via};
use libp2p::PeerId;
use multiaddr::Multiaddr;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How old the status may be while nothing that is told has changed. Making it costs some microseconds for each peer.
const UNCHANGED: Duration = Duration::from_secs(1);

impl Task {
    /// Renews the status for those who watch it: when something changed, and now and then for what changes without an
    /// event (meshes, round trips).
    pub(super) fn publish_status(&mut self, status: &watch::Sender<NetStatus>) {
        if !self.changed && self.shown.elapsed() < UNCHANGED {
            return;
        }
        self.changed = false;
        self.shown = Instant::now();
        let new = self.snapshot();
        status.send_if_modified(|old| {
            let differs = *old != new;
            if differs {
                *old = new;
            }
            differs
        });
    }

    pub(crate) fn snapshot(&mut self) -> NetStatus {
        let local = *self.swarm.local_peer_id();
        let with_peer = |address: &Multiaddr| address.clone().with_p2p(local).unwrap_or_else(|address| address);
        NetStatus {
            peer_id: local.to_base58(),
            listen: self.swarm.listeners().map(with_peer).collect(),
            external: self.swarm.external_addresses().map(with_peer).collect(),
            reachability: self.reach.state,
            private: self.settings.network_key.is_some(),
            greylisted: self.swarm.behaviour().gate.greylisted(),
            peers: self.peers.iter().filter_map(|(id, peer)| self.peer_status(id, peer)).collect(),
            topics: self.topics.keys().map(|topic| self.topic_status(*topic)).collect(),
            routing_peers: self.swarm.behaviour_mut().kad.kbuckets().map(|bucket| bucket.num_entries()).sum(),
            known_peers: self.book.len(),
        }
    }

    fn peer_status(&self, id: &PeerId, peer: &super::peers::Connected) -> Option<PeerStatus> {
        let identity = peer.identity.as_ref()?;
        Some(PeerStatus {
            peer_id: id.to_base58(),
            peer: peer.peer,
            addresses: peer.connections.iter().map(|connection| connection.address.clone()).collect(),
            direction: peer.connections.first().map_or(Direction::Inbound, |connection| connection.direction),
            via: peer.connections.iter().map(|connection| connection.via()).min().unwrap_or(Via::Relay),
            score: self.score(id),
            since_ms: peer.since_ms,
            agent: identity.agent.clone(),
            protocols: identity.protocols.clone(),
            topics: peer.topics.iter().map(|topic| topic.name(self.network)).collect(),
            rtt_us: peer.rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
        })
    }

    fn topic_status(&self, topic: tidepool_protocol::slot::Topic) -> TopicStatus {
        let hash = ident_topic(topic, self.network).hash();
        TopicStatus {
            name: topic.name(self.network),
            peers: self.peers.values().filter(|peer| peer.topics.contains(&topic)).count(),
            mesh: self.swarm.behaviour().gossip.mesh_peers(&hash).count(),
        }
    }
}
