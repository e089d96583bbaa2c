//! What the network shows of itself: a snapshot of plain values, renewed as things change.

use multiaddr::Multiaddr;
use serde::Serialize;
use tidepool_kernel::Peer;

/// The state of the network, at most a second old.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetStatus {
    /// This node's PeerId in base58.
    pub peer_id: String,
    /// Where it listens, each with `/p2p/…`.
    pub listen: Vec<Multiaddr>,
    /// Under which addresses others are told to reach it.
    pub external: Vec<Multiaddr>,
    /// Whether others can reach this node.
    pub reachability: Reachability,
    /// Whether its network is private: peers must have the shared key.
    pub private: bool,
    /// Peers that are grey-listed now.
    pub greylisted: usize,
    /// Connected peers of this network, by PeerId.
    pub peers: Vec<PeerStatus>,
    /// Joined topics, by name.
    pub topics: Vec<TopicStatus>,
    /// Peers in Kademlia's routing table.
    pub routing_peers: usize,
    /// Peers whose addresses are kept, connected or not.
    pub known_peers: usize,
}

/// One connected peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerStatus {
    /// Its PeerId in base58.
    pub peer_id: String,
    /// The same as the kernel knows it.
    pub peer: Peer,
    /// The addresses of its connections, one or two.
    pub addresses: Vec<Multiaddr>,
    /// Who opened the first of them.
    pub direction: Direction,
    /// How it is reached: by the best of its connections.
    pub via: Via,
    /// Its gossip score, rounded: 50 at most; below 0 it is in no mesh, below -16,000 it is sent away.
    pub score: i64,
    /// Since when it is connected, in milliseconds of Unix time.
    pub since_ms: u64,
    /// Its program and version.
    pub agent: String,
    /// The protocols that it speaks.
    pub protocols: Vec<String>,
    /// The topics that it joined.
    pub topics: Vec<String>,
    /// The last ping's way there and back, in microseconds.
    pub rtt_us: Option<u64>,
}

/// How a peer is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Directly over TCP.
    Tcp,
    /// Directly over QUIC.
    Quic,
    /// Directly over TCP, through a hole that was punched with the help of a relay.
    PunchedTcp,
    /// Directly over QUIC, through a hole that was punched with the help of a relay.
    PunchedQuic,
    /// Through a relay.
    Relay,
}

impl Via {
    /// Its name in answers and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Quic => "quic",
            Self::PunchedTcp => "punched-tcp",
            Self::PunchedQuic => "punched-quic",
            Self::Relay => "relay",
        }
    }
}

/// Whether others can reach this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reachability {
    /// Nobody has tried yet.
    #[default]
    Unknown,
    /// A peer reached one of its addresses by a new connection.
    Public,
    /// Peers tried, and reached none.
    Private,
}

impl Reachability {
    /// Its name in answers and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The peer did.
    Inbound,
    /// This node did.
    Outbound,
}

impl Direction {
    /// Its name in answers and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// One joined topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopicStatus {
    /// Its name.
    pub name: String,
    /// Connected peers that joined it.
    pub peers: usize,
    /// Those of them in our mesh.
    pub mesh: usize,
}
