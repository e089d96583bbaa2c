//! The work that an identity operation carries, so that a million identities, or a million operations of one, are not
//! free.
//!
//! The work of an operation covers all of it but the nonce and the signature: without that, whoever holds a rotation
//! key could sign any number of operations that extend one state on the work of one, and every node would hold them.

use super::operation::Cosignature;
use crate::cbor;
use crate::ids::{AuthorId, EnvelopeId, Hash, NetworkId, sha256};
use crate::kind::Kind;
use crate::signer::Domain;
use crate::time::TimeMs;

/// What work is done over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkSubject {
    network: NetworkId,
    author: AuthorId,
    operation: Option<Hash>,
}

/// All that an operation says but its nonce; see [`WorkSubject::operation`].
#[derive(Clone, Copy, Debug)]
pub struct OperationContent<'a> {
    /// The operation that it extends.
    pub auth: EnvelopeId,
    /// When it is signed.
    pub time_ms: TimeMs,
    /// Its kind.
    pub kind: Kind,
    /// Its place in the chain.
    pub chain_seq: u64,
    /// The canonical form of its change.
    pub change: &'a [u8],
    /// Who agrees.
    pub cosigners: &'a [Cosignature],
}

/// The leading zero bits of the hash of `subject` with `nonce`.
#[must_use]
pub fn work_bits(subject: &WorkSubject, nonce: u64) -> u32 {
    let operation = subject.operation.as_ref().map(|hash| serde_bytes::Bytes::new(hash));
    let message = cbor::encode(&(subject.network, subject.author, operation, nonce));
    let hash = sha256(&[&Domain::Work.message(&message)]);
    let mut bits = 0;
    for byte in hash {
        bits += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    bits
}

impl WorkSubject {
    /// The subject of the genesis of `author` (an agent or a node).
    #[must_use]
    pub const fn genesis(network: NetworkId, author: AuthorId) -> Self {
        Self { network, author, operation: None }
    }

    /// The subject of an operation of `author` that says `content`.
    #[must_use]
    pub fn operation(network: NetworkId, author: AuthorId, content: &OperationContent<'_>) -> Self {
        let OperationContent { auth, time_ms, kind, chain_seq, change, cosigners } = *content;
        let message = cbor::encode(&(auth, time_ms, kind, chain_seq, serde_bytes::Bytes::new(change), cosigners));
        Self { network, author, operation: Some(sha256(&[&message])) }
    }

    /// The first nonce from `start` on, within `tries`, whose work has `bits` leading zero bits. Takes 2^bits tries on
    /// average; callers bound a turn by `tries` and go on from where they stopped.
    #[must_use]
    pub fn search(&self, bits: u8, start: u64, tries: u64) -> Option<u64> {
        (start..start.saturating_add(tries)).find(|nonce| work_bits(self, *nonce) >= u32::from(bits))
    }
}
