//! Keys that sign, and the domains that keep a signature for one purpose from serving another.

use crate::ids::{PublicKey, Signature};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

/// What a signature is for. The signed bytes are the domain's name, a zero byte, and the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Over a header.
    Envelope,
    /// Over `(network, AgentId, key)`: whoever lists a key holds it.
    Possess,
    /// Over `(network, AgentId)`: a node takes an agent in.
    Home,
    /// Over the heads of a checkpoint: the home countersigns.
    Checkpoint,
    /// Hashed, not signed: the work of an identity operation.
    Work,
    /// Over an identity operation's digest: a further rotation key agrees.
    Cosign,
    /// Over a node's skill files: it serves them so.
    Skills,
    /// Over the signing input of a JWS (RFC 7515), and nothing before it, so that any library checks it. Such an input begins
    /// with `eyJ`, the base64url of `{"`, and no other domain's name does.
    Jws,
}

impl Domain {
    /// The domain's name as it is signed; none before a JWS.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Envelope => "tidepool/envelope/1",
            Self::Possess => "tidepool/possess/1",
            Self::Home => "tidepool/home/1",
            Self::Checkpoint => "tidepool/checkpoint/1",
            Self::Work => "tidepool/work/1",
            Self::Cosign => "tidepool/cosign/1",
            Self::Skills => "tidepool/skills/1",
            Self::Jws => "",
        }
    }

    /// The bytes that are signed (or hashed) for `message`.
    #[must_use]
    pub fn message(self, message: &[u8]) -> Vec<u8> {
        if self == Self::Jws {
            return message.to_vec();
        }
        let name = self.name().as_bytes();
        let mut bytes = Vec::with_capacity(name.len() + 1 + message.len());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(message);
        bytes
    }
}

/// Whoever can sign with one key: a key in memory, in custody, or behind a device.
pub trait Signer {
    /// The key that its signatures verify under.
    fn public_key(&self) -> PublicKey;

    /// Signs `message` in `domain`.
    fn sign(&self, domain: Domain, message: &[u8]) -> Signature;

    /// The key itself, where the signer is one in memory. What that signs need not be verified; what another signer
    /// gives, is.
    fn secret(&self) -> Option<&SecretKey> {
        None
    }
}

/// An ed25519 secret key in memory; wiped when dropped, never shown.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key with this seed (RFC 8032). Where the seed comes from is the caller's part: this crate draws no randomness.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The seed, to be sealed or written to a file of mode 0600; wiped when dropped.
    #[must_use]
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey(of {})", self.public_key())
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        Signature(self.0.sign(&domain.message(message)).to_bytes())
    }

    fn secret(&self) -> Option<&SecretKey> {
        Some(self)
    }
}

/// Whether the y coordinate of an encoded point is below the field's prime 2^255 - 19, as RFC 8032 asks. The nineteen
/// encodings above it name points that have a second, canonical encoding; libraries disagree on them.
fn is_canonical_point(bytes: &[u8; 32]) -> bool {
    let above = bytes[0] >= 0xed && bytes[1..31].iter().all(|byte| *byte == 0xff) && bytes[31] & 0x7f == 0x7f;
    !above
}

/// Whether `signature` is `key`'s over `message` in `domain`, by strict verification: small-order keys and
/// non-canonical encodings are refused, so that every node reaches the same verdict.
#[must_use]
pub fn verify_signature(key: &PublicKey, domain: Domain, message: &[u8], signature: &Signature) -> bool {
    let Some(point) = signature.0.first_chunk::<32>() else { return false };
    if !is_canonical_point(&key.0) || !is_canonical_point(point) {
        return false;
    }
    let Ok(key) = VerifyingKey::from_bytes(&key.0) else { return false };
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(&domain.message(message), &signature).is_ok()
}

#[cfg(test)]
mod tests;
