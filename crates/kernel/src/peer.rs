//! Other nodes and what is under way with them, as plain values.

use tidepool_protocol::PublicKey;

/// Another node as the network knows it: its libp2p key, from which its PeerId is made. Every node's key is ed25519.
pub type Peer = PublicKey;

/// One gossip message that waits for its verdict; given out by the network adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GossipId(pub u64);

/// One request of ours that waits for its answer; given out by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One request of a peer that waits for our answer; given out by the network adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(pub u64);
