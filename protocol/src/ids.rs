//! Newtypes of every id, key, hash and signature that goes over the wire. Each is a fixed run of bytes in CBOR.
//!
//! Text forms stand in [`crate::text`]; what an id is the hash of stands where that thing is defined.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Thirty-two bytes of SHA-256.
pub type Hash = [u8; 32];

/// SHA-256 of the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Its length in bytes.
            pub const LEN: usize = $len;

            /// The bytes themselves.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Reads exactly the bytes of one; `None` when the length differs.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(&data_encoding::HEXLOWER.encode(&self.0))
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{} bytes", $len)
                    }
                    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        $name::from_slice(bytes).ok_or_else(|| E::invalid_length(bytes.len(), &self))
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        let bytes = data_encoding::HEXLOWER_PERMISSIVE
                            .decode(text.as_bytes())
                            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))?;
                        $name::from_slice(&bytes).ok_or_else(|| E::invalid_length(bytes.len(), &self))
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Visitor)
                } else {
                    deserializer.deserialize_bytes(Visitor)
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let shown = &self.0[..$len.min(8)];
                write!(f, "{}({})", stringify!($name), data_encoding::HEXLOWER.encode(shown))
            }
        }
    };
}

fixed_bytes!(
    /// An agent: SHA-256 of its identity's core. Shown as `did:tide:<base32>`.
    AgentId, 32
);
fixed_bytes!(
    /// A node: SHA-256 of its node core. Shown as `did:tide:<base32>`.
    NodeId, 32
);
fixed_bytes!(
    /// Whoever signs an envelope: an [`AgentId`] or a [`NodeId`]. Which of the two, its genesis says.
    AuthorId, 32
);
fixed_bytes!(
    /// An envelope: SHA-256 of its header. Shown as a CIDv1 (dag-cbor, sha2-256).
    EnvelopeId, 32
);
fixed_bytes!(
    /// SHA-256 of a body's bytes.
    BodyHash, 32
);
fixed_bytes!(
    /// SHA-256 of a blob's bytes (an avatar, a banner).
    BlobHash, 32
);
fixed_bytes!(
    /// A network: the first eight bytes of SHA-256 of its genesis document.
    NetworkId, 8
);
fixed_bytes!(
    /// An ed25519 public key. Shown as `did:key:z…`.
    PublicKey, 32
);
fixed_bytes!(
    /// An ed25519 signature.
    Signature, 64
);
fixed_bytes!(
    /// Sixteen random bytes at the start of an erasable body, so that a short text cannot be guessed from its hash.
    Salt, 16
);

impl From<AgentId> for AuthorId {
    fn from(id: AgentId) -> Self {
        Self(id.0)
    }
}

impl From<NodeId> for AuthorId {
    fn from(id: NodeId) -> Self {
        Self(id.0)
    }
}

impl AuthorId {
    /// The same bytes read as an agent's id. Right only where the genesis says so.
    #[must_use]
    pub const fn as_agent(self) -> AgentId {
        AgentId(self.0)
    }

    /// The same bytes read as a node's id. Right only where the genesis says so.
    #[must_use]
    pub const fn as_node(self) -> NodeId {
        NodeId(self.0)
    }
}

impl EnvelopeId {
    /// Thirty-two zero bytes: the `auth` of a genesis, which extends nothing.
    pub const ZERO: Self = Self([0; 32]);

    /// The first sixteen bytes, by which indexes know an envelope: 2^64 envelopes before two are likely to meet.
    #[must_use]
    pub fn short(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0[..16]);
        short
    }
}
