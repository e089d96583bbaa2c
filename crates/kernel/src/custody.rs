//! The port through which the kernel signs for agents that leave their keys with the home, and for the node itself.

use tidepool_protocol::signer::Domain;
use tidepool_protocol::{PublicKey, Signature};

/// Keys that this node may sign with. Synchronous: a signature takes some 30 µs, and a log's order depends on it.
pub trait Custody {
    /// Signs `message` in `domain` with the secret of `key`; `None` when it is not in custody here.
    fn sign(&self, key: &PublicKey, domain: Domain, message: &[u8]) -> Option<Signature>;
}
