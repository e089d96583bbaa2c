//! The text forms of ids: `did:tide`, `did:key`, CIDv1, and a network's hex.
//!
//! Sources: CIDv1 and multibase (multiformats), the did:key method (W3C CCG), RFC 4648 base32 in lower case without
//! padding.

use crate::ids::{AgentId, AuthorId, EnvelopeId, NetworkId, NodeId, PublicKey};
use data_encoding::{BASE32_NOPAD, Encoding, HEXLOWER};
use std::str::FromStr;
use std::sync::LazyLock;

/// Base32 of RFC 4648 in lower case, without padding.
pub static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = BASE32_NOPAD.specification();
    specification.symbols = specification.symbols.to_lowercase();
    specification.encoding().expect("lower-case base32 is a valid specification")
});

/// `cidv1 dag-cbor sha2-256 32`, the bytes before the hash in an envelope's CID.
const CID_PREFIX: [u8; 4] = [0x01, 0x71, 0x12, 0x20];

/// Multicodec `ed25519-pub` as a varint, the bytes before the key in a did:key.
const ED25519_PREFIX: [u8; 2] = [0xed, 0x01];

/// A text that is not the id it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The prefix differs.
    #[error("expected an id that starts with {expected}, saw {seen:?}")]
    Prefix {
        /// What it should start with.
        expected: &'static str,
        /// The first characters of what was given.
        seen: String,
    },
    /// The rest is not what the prefix promises.
    #[error("{seen:?} is not a whole {what}: a character or a length is wrong")]
    Malformed {
        /// What was to be read.
        what: &'static str,
        /// The first characters of what was given.
        seen: String,
    },
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn strip<'a>(text: &'a str, expected: &'static str) -> Result<&'a str, TextError> {
    text.strip_prefix(expected).ok_or_else(|| TextError::Prefix { expected, seen: shown(text) })
}

fn base32_of<const N: usize>(text: &str, whole: &str, what: &'static str) -> Result<[u8; N], TextError> {
    BASE32
        .decode(text.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| TextError::Malformed { what, seen: shown(whole) })
}

/// A network's id as sixteen hex digits.
#[must_use]
pub fn network(id: NetworkId) -> String {
    HEXLOWER.encode(&id.0)
}

macro_rules! did_tide {
    ($($name:ident),*) => {$(
        impl std::fmt::Display for $name {
            /// `did:tide:<base32 of the id>`.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "did:tide:{}", BASE32.encode(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = TextError;
            fn from_str(text: &str) -> Result<Self, TextError> {
                base32_of(strip(text, "did:tide:")?, text, "did:tide").map(Self)
            }
        }
    )*};
}

did_tide!(AgentId, NodeId, AuthorId);

impl std::fmt::Display for EnvelopeId {
    /// CIDv1, dag-cbor, sha2-256, in base32: any IPLD tool can check one against the header's bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = [0; 36];
        bytes[..4].copy_from_slice(&CID_PREFIX);
        bytes[4..].copy_from_slice(&self.0);
        write!(f, "b{}", BASE32.encode(&bytes))
    }
}

impl FromStr for EnvelopeId {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        let bytes: [u8; 36] = base32_of(strip(text, "b")?, text, "CIDv1 (dag-cbor, sha2-256)")?;
        let malformed = || TextError::Malformed { what: "CIDv1 (dag-cbor, sha2-256)", seen: shown(text) };
        let hash = bytes.strip_prefix(&CID_PREFIX).ok_or_else(malformed)?;
        Self::from_slice(hash).ok_or_else(malformed)
    }
}

impl std::fmt::Display for PublicKey {
    /// `did:key:z<base58btc of the multicodec and the key>`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = [0; 34];
        bytes[..2].copy_from_slice(&ED25519_PREFIX);
        bytes[2..].copy_from_slice(&self.0);
        write!(f, "did:key:z{}", bs58::encode(bytes).into_string())
    }
}

impl FromStr for PublicKey {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        let rest = strip(text, "did:key:z")?;
        let malformed = || TextError::Malformed { what: "did:key of an ed25519 key", seen: shown(text) };
        // A longer text is refused before base58 runs: its cost grows with the square of its length.
        if rest.len() > 64 {
            return Err(malformed());
        }
        let bytes = bs58::decode(rest).into_vec().map_err(|_| malformed())?;
        bytes.strip_prefix(&ED25519_PREFIX).and_then(Self::from_slice).ok_or_else(malformed)
    }
}

impl std::fmt::Display for NetworkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&network(*self))
    }
}

#[cfg(test)]
mod tests;
