//! What changes an identity after its genesis.

use super::core::{HomeSignature, KeyUse};
use crate::cbor::{self, CborError};
use crate::ids::{AuthorId, EnvelopeId, NetworkId, NodeId, PublicKey, Signature};
use crate::kind::Kind;
use crate::limits::BODY_BYTES_MAX;
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// The body of every identity operation but a genesis. What is changed stands as bytes, so that cosigners sign it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct OperationBody {
    /// Its place in the chain; the genesis has 0.
    pub chain_seq: u64,
    /// The canonical form of the change that the kind names.
    pub change: ByteBuf,
    /// Further rotation keys of the extended state that agree.
    pub cosigners: Vec<Cosignature>,
    /// The nonce of the work.
    pub nonce: u64,
}

/// A further rotation key's agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Cosignature {
    /// The rotation key.
    pub key: PublicKey,
    /// Over [`cosign_message`], in [`crate::signer::Domain::Cosign`].
    pub signature: Signature,
}

/// New keys. A signing or rotation key that is not listed again is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Rotate {
    /// The signing keys from now on.
    pub signing: Vec<KeyUse>,
    /// The rotation keys from now on, highest priority first.
    pub rotation: Vec<PublicKey>,
    /// A proof of possession of each key, signing keys first.
    pub proofs: Vec<Signature>,
}

/// Closes keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Revoke {
    /// Signing or rotation keys of the extended state.
    pub keys: Vec<PublicKey>,
}

/// A new home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct MoveHome {
    /// The new home.
    pub home: NodeId,
    /// Its word.
    pub signature: HomeSignature,
}

/// Ends a freeze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Resolve {
    /// The operation whose branch stands, of those that extend the same state as this one.
    pub stands: EnvelopeId,
}

/// New keys of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct NodeRotate {
    /// The keys from now on; the first names the PeerId.
    pub keys: Vec<PublicKey>,
    /// The rotation keys from now on.
    pub rotation: Vec<PublicKey>,
    /// A proof of possession of each key, keys first.
    pub proofs: Vec<Signature>,
}

/// A change, decoded by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// [`Kind::ROTATE`].
    Rotate(Rotate),
    /// [`Kind::REVOKE`].
    Revoke(Revoke),
    /// [`Kind::MOVE_HOME`].
    MoveHome(MoveHome),
    /// [`Kind::RESOLVE`].
    Resolve(Resolve),
    /// [`Kind::NODE_ROTATE`].
    NodeRotate(NodeRotate),
}

impl Change {
    /// Reads the change of an operation of `kind`; `None` for a kind that is no known operation.
    ///
    /// # Errors
    /// When the bytes are not the canonical form of that change.
    pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Option<Self>, CborError> {
        Ok(Some(match kind {
            Kind::ROTATE => Self::Rotate(cbor::decode(bytes, BODY_BYTES_MAX)?),
            Kind::REVOKE => Self::Revoke(cbor::decode(bytes, BODY_BYTES_MAX)?),
            Kind::MOVE_HOME => Self::MoveHome(cbor::decode(bytes, BODY_BYTES_MAX)?),
            Kind::RESOLVE => Self::Resolve(cbor::decode(bytes, BODY_BYTES_MAX)?),
            Kind::NODE_ROTATE => Self::NodeRotate(cbor::decode(bytes, BODY_BYTES_MAX)?),
            _ => return Ok(None),
        }))
    }
}

/// What a further rotation key signs.
#[must_use]
pub fn cosign_message(
    network: NetworkId,
    author: AuthorId,
    auth: EnvelopeId,
    chain_seq: u64,
    kind: Kind,
    change: &[u8],
) -> Vec<u8> {
    cbor::encode(&(network, author, auth, chain_seq, kind, serde_bytes::Bytes::new(change)))
}
