//! The work that an identity operation carries, so that a million identities are not free.

use crate::cbor;
use crate::ids::{AuthorId, EnvelopeId, NetworkId, sha256};
use crate::signer::Domain;

/// What work is done over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkSubject {
    /// The network.
    pub network: NetworkId,
    /// The identity.
    pub author: AuthorId,
    /// The operation that is extended; zero for a genesis.
    pub auth: EnvelopeId,
}

/// The leading zero bits of the hash of `subject` with `nonce`.
#[must_use]
pub fn work_bits(subject: &WorkSubject, nonce: u64) -> u32 {
    let message = cbor::encode(&(subject.network, subject.author, subject.auth, nonce));
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
    /// The first nonce from `start` on, within `tries`, whose work has `bits` leading zero bits. Takes 2^bits tries on
    /// average; callers bound a turn by `tries` and go on from where they stopped.
    #[must_use]
    pub fn search(&self, bits: u8, start: u64, tries: u64) -> Option<u64> {
        (start..start.saturating_add(tries)).find(|nonce| work_bits(self, *nonce) >= u32::from(bits))
    }
}
