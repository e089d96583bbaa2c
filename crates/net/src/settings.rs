//! What an operator may set of the network. What all nodes must agree on is no setting.

use crate::error::NetError;
use crate::network_key::NetworkKey;
use crate::peer::PeerName;
use multiaddr::{Multiaddr, Protocol};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The settings of the network. The default listens on loopback only and opens nothing to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetSettings {
    /// Where to listen: TCP (`/ip4/0.0.0.0/tcp/4717`) and QUIC (`/ip4/0.0.0.0/udp/4717/quic-v1`); port 0 takes a free one.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach this node, where they differ from those it listens on.
    pub external: Vec<Multiaddr>,
    /// Nodes to start from, with or without `/p2p/…`; redialled for ever.
    pub seeds: Vec<Multiaddr>,
    /// Whether to look for nodes on the local network. Off in loopback mode whatever stands here.
    pub mdns: bool,
    /// Whether this node lives in a mesh on one machine.
    pub loopback: Loopback,
    /// When not empty: nobody else is connected to.
    pub allow: Vec<PeerName>,
    /// Never connected to.
    pub block: Vec<PeerName>,
    /// The most connections at once. Two are kept for each peer, or simultaneous dials would kill each other.
    pub connections_max: u32,
    /// The most connections from one IP address at once; 0 for no limit. In loopback mode there is none.
    pub connections_per_ip_max: u32,
    /// No new connection while the process holds more memory than this, in MiB; 0 for no limit.
    pub memory_mib_max: usize,
    /// Below this number of peers, known ones are dialled.
    pub peers_wanted: usize,
    /// The longest wait between two tries to reach a peer, in seconds. In loopback mode at most 5.
    pub redial_s_max: u64,
    /// Whether to find out if others can reach this node, to use relays when they cannot, and to punch holes. Off in
    /// loopback mode whatever stands here.
    pub nat_traversal: bool,
    /// Whether this node carries others that nobody reaches: it costs traffic, and helps them most.
    pub relay: bool,
    /// The file with the key of a private network. With it nodes speak to those only that have it too, over TCP alone.
    pub network_key_file: Option<PathBuf>,
    /// The key itself, which whoever reads the file puts here.
    #[serde(skip)]
    pub network_key: Option<NetworkKey>,
    /// Faults that a test wants, which whoever knows that the network is one for tests puts here.
    #[serde(skip)]
    pub faults: NetFaults,
    /// How long a sync request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// Sizes of the gossip mesh.
    pub gossip: GossipSettings,
}

/// Faults on purpose, to see what the rest makes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetFaults {
    /// Of a hundred gossip frames that come in, so many are dropped as if a queue had been full.
    pub gossip_drop_percent: u8,
}

/// Whether a node lives in a mesh on one machine: redials are quick, mDNS is off, loopback addresses are announced, and
/// many nodes behind one IP address are no sign of an attack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loopback {
    /// On when every address to listen on is a loopback address.
    #[default]
    Auto,
    /// On.
    On,
    /// Off.
    Off,
}

/// Sizes of the gossip mesh; the defaults are those of the gossipsub specification for a network that is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GossipSettings {
    /// Peers in a topic's mesh below which more are taken in.
    pub mesh_low: usize,
    /// Peers in a topic's mesh.
    pub mesh: usize,
    /// Peers in a topic's mesh above which some are let go.
    pub mesh_high: usize,
    /// Frames that wait for one peer; beyond it they are dropped for that peer, and anti-entropy carries them. Their
    /// memory is this, times the peers, times a bundle.
    pub queue_frames_max: usize,
}

impl Default for GossipSettings {
    fn default() -> Self {
        Self { mesh_low: 4, mesh: 8, mesh_high: 12, queue_frames_max: 512 }
    }
}

impl Default for NetSettings {
    fn default() -> Self {
        let listen = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"];
        Self {
            listen: listen.iter().map(|text| text.parse().expect("a valid multiaddress")).collect(),
            external: Vec::new(),
            seeds: Vec::new(),
            mdns: true,
            loopback: Loopback::Auto,
            allow: Vec::new(),
            block: Vec::new(),
            connections_max: 512,
            connections_per_ip_max: 32,
            memory_mib_max: 4_096,
            peers_wanted: 16,
            redial_s_max: 60,
            nat_traversal: true,
            relay: false,
            network_key_file: None,
            network_key: None,
            faults: NetFaults::default(),
            request_timeout_ms: 10_000,
            gossip: GossipSettings::default(),
        }
    }
}

impl NetSettings {
    /// Whether loopback mode is on.
    #[must_use]
    pub fn loopback(&self) -> bool {
        match self.loopback {
            Loopback::Auto => !self.listen.is_empty() && self.listen.iter().all(is_loopback),
            Loopback::On => true,
            Loopback::Off => false,
        }
    }

    /// Whether connections are limited by address: not in a mesh on one machine, where all nodes have one.
    pub(crate) fn limits_addresses(&self) -> bool {
        !self.loopback() && self.connections_per_ip_max > 0
    }

    /// Whether this node looks for ways through NAT.
    pub(crate) fn traverses_nat(&self) -> bool {
        self.nat_traversal && !self.loopback()
    }

    /// Where to listen: without QUIC in a private network, whose key protects TCP only.
    pub(crate) fn listen_addresses(&self) -> Vec<Multiaddr> {
        let private = self.network_key.is_some();
        let (quic, kept): (Vec<_>, Vec<_>) =
            self.listen.iter().cloned().partition(|address| private && is_quic(address));
        if !quic.is_empty() {
            tracing::warn!(addresses = ?quic, "QUIC is off in a private network: its key protects TCP only");
        }
        kept
    }

    /// Checks every number against its range and against the others: gossipsub itself does not.
    /// Whether everything is in its range.
    ///
    /// # Errors
    /// The first setting that is not, with what is allowed.
    pub fn check(&self) -> Result<(), NetError> {
        let GossipSettings { mesh_low, mesh, mesh_high, queue_frames_max } = self.gossip;
        let wrong = |key, seen: String, allowed| Err(NetError::Setting { key, seen, allowed });
        if mesh_low < 2 || mesh_low > mesh || mesh > mesh_high || mesh_high > 64 || mesh < 4 {
            let seen = format!("{mesh_low} / {mesh} / {mesh_high}");
            return wrong("gossip.mesh_low / mesh / mesh_high", seen, "2 <= low <= mesh <= high <= 64, mesh >= 4");
        }
        if !(16..=16_384).contains(&queue_frames_max) {
            return wrong("gossip.queue_frames_max", queue_frames_max.to_string(), "16 to 16384");
        }
        if !(2..=65_536).contains(&self.connections_max) {
            return wrong("connections_max", self.connections_max.to_string(), "2 to 65536");
        }
        if !(100..=120_000).contains(&self.request_timeout_ms) {
            return wrong("request_timeout_ms", self.request_timeout_ms.to_string(), "100 to 120000");
        }
        if !(1..=3_600).contains(&self.redial_s_max) {
            return wrong("redial_s_max", self.redial_s_max.to_string(), "1 to 3600");
        }
        if self.faults.gossip_drop_percent > 100 {
            let seen = self.faults.gossip_drop_percent.to_string();
            return wrong("faults.gossip_drop_percent", seen, "0 to 100");
        }
        if self.network_key.is_some() && !self.listen.is_empty() && self.listen.iter().all(is_quic) {
            let seen = format!("{:?} and a network key", self.listen);
            return wrong("listen", seen, "a TCP address among them: a private network is over TCP only");
        }
        match self.allow.iter().chain(&self.block).find(|name| name.peer().is_none()) {
            Some(name) => wrong("allow / block", name.to_string(), "PeerIds of ed25519 keys (12D3KooW…)"),
            None => Ok(()),
        }
    }
}

fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::QuicV1)
}

fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
