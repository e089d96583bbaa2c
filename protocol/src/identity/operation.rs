//! What changes an identity after its genesis.

use super::chain::IdentityState;
use super::core::{HomeSignature, KeyUse};
use super::work::{OperationContent, WorkSubject};
use crate::cbor::{self, CborError};
use crate::envelope::Draft;
use crate::ids::{AuthorId, EnvelopeId, NetworkId, NodeId, PublicKey, Signature};
use crate::kind::Kind;
use crate::limits::{BODY_BYTES_MAX, IDENTITY_KEYS_MAX, IDENTITY_PROOFS_MAX};
use crate::scope::Scope;
use crate::signer::{Domain, Signer};
use crate::time::{Epoch, TimeMs};
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
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_KEYS_MAX>")]
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
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_KEYS_MAX>")]
    pub signing: Vec<KeyUse>,
    /// The rotation keys from now on, highest priority first.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_KEYS_MAX>")]
    pub rotation: Vec<PublicKey>,
    /// A proof of possession of each key, signing keys first.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_PROOFS_MAX>")]
    pub proofs: Vec<Signature>,
}

/// Closes keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Revoke {
    /// Signing or rotation keys of the extended state.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_PROOFS_MAX>")]
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

/// Ends a freeze: names, of the operations that extend the same state as this one, the one that stands.
///
/// It ranks against them like any of them. Where resolves are among those of the greatest rank and name one and the same
/// operation, the chain goes on from that one; where they name different ones, or one that does not extend that state,
/// is itself a resolve or is not known, the state stays frozen. Nothing extends a resolve, and no envelope names it as
/// `auth`: the state that it makes lists no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Resolve {
    /// The operation whose branch stands, of those that extend the same state as this one.
    pub stands: EnvelopeId,
}

/// New keys of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct NodeRotate {
    /// The keys from now on; the first names the PeerId.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_KEYS_MAX>")]
    pub keys: Vec<PublicKey>,
    /// The rotation keys from now on.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_KEYS_MAX>")]
    pub rotation: Vec<PublicKey>,
    /// A proof of possession of each key, keys first.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_PROOFS_MAX>")]
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

    /// The kind of the operation that makes it.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Rotate(_) => Kind::ROTATE,
            Self::Revoke(_) => Kind::REVOKE,
            Self::MoveHome(_) => Kind::MOVE_HOME,
            Self::Resolve(_) => Kind::RESOLVE,
            Self::NodeRotate(_) => Kind::NODE_ROTATE,
        }
    }

    /// Its canonical form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Rotate(change) => cbor::encode(change),
            Self::Revoke(change) => cbor::encode(change),
            Self::MoveHome(change) => cbor::encode(change),
            Self::Resolve(change) => cbor::encode(change),
            Self::NodeRotate(change) => cbor::encode(change),
        }
    }
}

/// An identity operation before its work is done and it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    network: NetworkId,
    author: AuthorId,
    auth: EnvelopeId,
    kind: Kind,
    chain_seq: u64,
    change: Vec<u8>,
    cosigners: Vec<Cosignature>,
}

impl Proposal {
    /// `change` as the next operation of a chain that stands at `state`.
    #[must_use]
    pub fn new(network: NetworkId, state: &IdentityState, change: &Change) -> Self {
        Self {
            network,
            author: state.author,
            auth: state.operation,
            kind: change.kind(),
            chain_seq: state.chain_seq + 1,
            change: change.encode(),
            cosigners: Vec::new(),
        }
    }

    /// The same with the agreement of a further rotation key of the extended state. It need not sign in any order.
    #[must_use]
    pub fn cosigned(mut self, signer: &dyn Signer) -> Self {
        let message = cosign_message(self.network, self.author, self.auth, self.chain_seq, self.kind, &self.change);
        let signature = signer.sign(Domain::Cosign, &message);
        self.cosigners.push(Cosignature { key: signer.public_key(), signature });
        self
    }

    /// What its work is done over when it is to be signed at `time_ms`.
    #[must_use]
    pub fn work(&self, time_ms: TimeMs) -> WorkSubject {
        let Self { auth, kind, chain_seq, change, cosigners, .. } = self;
        let content = OperationContent { auth: *auth, time_ms, kind: *kind, chain_seq: *chain_seq, change, cosigners };
        WorkSubject::operation(self.network, self.author, &content)
    }

    /// The draft, to be signed by a rotation key of the extended state, with a nonce found for [`Self::work`].
    #[must_use]
    pub fn draft(self, time_ms: TimeMs, nonce: u64) -> Draft {
        let change = ByteBuf::from(self.change);
        let body = OperationBody { chain_seq: self.chain_seq, change, cosigners: self.cosigners, nonce };
        Draft {
            network: self.network,
            author: self.author,
            auth: self.auth,
            scope: Scope::Identity(self.author),
            epoch: Epoch(0),
            seq: 0,
            prev: None,
            time_ms,
            kind: self.kind,
            body: cbor::encode(&body),
        }
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
