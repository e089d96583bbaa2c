//! The first operation of a node's identity.

use super::NodeKeys;
use crate::limits::WORK_TRIES_MAX;
use serde_bytes::ByteBuf;
use tidepool_protocol::identity::{NodeGenesis, WorkSubject, possession_message};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{
    AuthorId, Draft, Envelope, EnvelopeId, Epoch, Kind, NetworkGenesis, Scope, Signer, Verified, cbor,
};

/// The genesis of the node whose keys these are, in this network: always the same bytes, so that a node whose data was
/// lost and whose key file was kept says again what it said. Its work takes 2^bits hashes, a thousand a millisecond.
#[must_use]
pub fn node_genesis(keys: &NodeKeys, network: &NetworkGenesis) -> Verified<Envelope> {
    let core = keys.core();
    let author = AuthorId::from(core.id());
    let id = network.id();
    let subject = WorkSubject { network: id, author, auth: EnvelopeId::ZERO };
    let nonce = subject
        .search(network.params.node_work_bits, 0, WORK_TRIES_MAX)
        .expect("2^38 tries find work of at most 32 bits, but for one case in 10^27");
    let proofs = [keys.signing(), keys.rotation()]
        .map(|key| key.sign(Domain::Possess, &possession_message(id, author, key.public_key())));
    let body = NodeGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs: proofs.to_vec(), nonce };
    let draft = Draft {
        network: id,
        author,
        auth: EnvelopeId::ZERO,
        scope: Scope::Identity(author),
        epoch: Epoch(0),
        seq: 0,
        prev: None,
        time_ms: keys.created_ms(),
        kind: Kind::NODE_GENESIS,
        body: cbor::encode(&body),
    };
    draft.sign(keys.rotation())
}
