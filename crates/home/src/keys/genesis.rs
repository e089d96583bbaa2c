//! The first operation of a node's identity.

use super::NodeKeys;
use crate::limits::WORK_TRIES_MAX;
use serde_bytes::ByteBuf;
use tidepool_protocol::identity::{NodeGenesis, WorkSubject, possession_proof};
use tidepool_protocol::{AuthorId, Envelope, NetworkGenesis, Signer, Verified, cbor};

/// The genesis of the node whose keys these are, in this network: always the same bytes, so that a node whose data was
/// lost and whose key file was kept says again what it said. Its work takes 2^bits hashes, a thousand a millisecond.
#[must_use]
pub fn node_genesis(keys: &NodeKeys, network: &NetworkGenesis) -> Verified<Envelope> {
    let core = keys.core();
    let author = AuthorId::from(core.id());
    let id = network.id();
    let nonce = WorkSubject::genesis(id, author)
        .search(network.params.node_work_bits, 0, WORK_TRIES_MAX)
        .expect("2^38 tries find work of at most 32 bits, but for one case in 10^27");
    let signers: [&dyn Signer; 2] = [keys.signing(), keys.rotation()];
    let proofs = signers.map(|key| possession_proof(id, author, key)).to_vec();
    let body = NodeGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs, nonce };
    body.draft(id, keys.created_ms()).sign(keys.rotation())
}
