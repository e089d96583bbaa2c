//! The kernel's `Peer` (an ed25519 public key) and libp2p's PeerId as two forms of one thing.
//!
//! A PeerId of an ed25519 key carries the whole key, so both directions are a matter of bytes; a PeerId of any other kind
//! of key has no `Peer`, and such a node is refused before a protocol starts.

use libp2p::PeerId;
use libp2p::identity::{PublicKey, ed25519};
use std::fmt;
use std::str::FromStr;
use tidepool_kernel::Peer;

/// Identity multihash of 36 bytes: protobuf with key type 1 (ed25519) and 32 bytes of key (libp2p's peer-ids spec).
const ED25519_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The kernel's form of `id`; `None` when its key is not ed25519.
#[must_use]
pub fn peer_of(id: &PeerId) -> Option<Peer> {
    let bytes = id.to_bytes();
    bytes.strip_prefix(ED25519_PREFIX.as_slice()).and_then(Peer::from_slice)
}

/// The PeerId of `peer`; `None` when its bytes are no point of the curve, so that nobody can have it.
#[must_use]
pub fn peer_id(peer: &Peer) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(peer.as_bytes()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// A peer as operators write it: its PeerId in base58 (`12D3KooW…`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName(pub(crate) PeerId);

impl PeerName {
    /// The name of `peer`; `None` when its bytes are no point of the curve.
    #[must_use]
    pub fn of(peer: &Peer) -> Option<Self> {
        peer_id(peer).map(Self)
    }

    /// The kernel's form of it; `None` when its key is not ed25519.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        peer_of(&self.0)
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PeerName {
    type Err = libp2p::identity::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl serde::Serialize for PeerName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PeerName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
