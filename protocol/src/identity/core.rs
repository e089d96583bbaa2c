//! What an identity begins with.

use crate::cbor;
use crate::envelope::Draft;
use crate::ids::{AgentId, AuthorId, EnvelopeId, NetworkId, NodeId, PublicKey, Salt, Signature, sha256};
use crate::kind::{Group, Kind};
use crate::limits::{IDENTITY_KEYS_MAX, IDENTITY_PROOFS_MAX};
use crate::scope::Scope;
use crate::signer::{Domain, Signer};
use crate::time::{Epoch, TimeMs};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// A signing key and what it may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct KeyUse {
    /// The key.
    pub key: PublicKey,
    /// One bit for each [`Group`] number that it may sign in; [`KeyUse::ALL_GROUPS`] for an unrestricted key.
    pub groups: u16,
    /// After this it should no longer sign. Binds when the key is closed and its heads are named.
    pub not_after: Option<TimeMs>,
}

impl KeyUse {
    /// The groups of an unrestricted key.
    pub const ALL_GROUPS: u16 = u16::MAX;

    /// An unrestricted key without an end.
    #[must_use]
    pub const fn unrestricted(key: PublicKey) -> Self {
        Self { key, groups: Self::ALL_GROUPS, not_after: None }
    }

    /// Whether it may sign kinds of `group`.
    #[must_use]
    pub const fn allows(&self, group: Group) -> bool {
        let number = match group {
            Group::Identity => 1,
            Group::Agent => 2,
            Group::Content => 3,
            Group::Community => 4,
            Group::Registry => 5,
            Group::Ephemeral => 6,
            Group::Unknown(number) => number,
        };
        self.groups == Self::ALL_GROUPS || (number < 16 && self.groups >> number & 1 == 1)
    }
}

/// The core of an agent's identity; its hash is the [`AgentId`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct AgentCore {
    /// Keys that sign what the agent says.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_KEYS_MAX>")]
    pub signing: Vec<KeyUse>,
    /// Keys that sign identity operations, highest priority first.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_KEYS_MAX>")]
    pub rotation: Vec<PublicKey>,
    /// The node at which the agent is at home.
    pub home: NodeId,
    /// The name it goes by.
    pub handle: String,
    /// Sixteen random bytes.
    pub random: Salt,
}

/// The core of a node's identity; its hash is the [`NodeId`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct NodeCore {
    /// Keys that sign for the node; the first is its libp2p key and names its PeerId.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_KEYS_MAX>")]
    pub keys: Vec<PublicKey>,
    /// Keys that sign its identity operations, highest priority first.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_KEYS_MAX>")]
    pub rotation: Vec<PublicKey>,
    /// Sixteen random bytes.
    pub random: Salt,
}

/// A node's word that it takes an agent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct HomeSignature {
    /// The operation of the node's identity that lists `key`.
    pub node_auth: EnvelopeId,
    /// The node's key.
    pub key: PublicKey,
    /// Over [`home_message`], in [`crate::signer::Domain::Home`].
    pub signature: Signature,
}

/// The body of an agent's genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct AgentGenesis {
    /// The canonical [`AgentCore`], as bytes: what the id is the hash of.
    pub core: ByteBuf,
    /// A proof of possession of each key of the core, signing keys first, in the core's order.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_PROOFS_MAX>")]
    pub proofs: Vec<Signature>,
    /// The home's word.
    pub home: HomeSignature,
    /// The nonce of the work.
    pub nonce: u64,
}

/// The body of a node's genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct NodeGenesis {
    /// The canonical [`NodeCore`], as bytes.
    pub core: ByteBuf,
    /// A proof of possession of each key of the core, keys first, in the core's order.
    #[serde(deserialize_with = "cbor::list::<_, _, IDENTITY_PROOFS_MAX>")]
    pub proofs: Vec<Signature>,
    /// The nonce of the work.
    pub nonce: u64,
}

impl AgentCore {
    /// Its hash.
    #[must_use]
    pub fn id(&self) -> AgentId {
        AgentId(sha256(&[&cbor::encode(self)]))
    }

    /// Every key that it lists, in the order of the proofs.
    pub fn keys(&self) -> impl Iterator<Item = PublicKey> + '_ {
        self.signing.iter().map(|entry| entry.key).chain(self.rotation.iter().copied())
    }
}

impl NodeCore {
    /// Its hash.
    #[must_use]
    pub fn id(&self) -> NodeId {
        NodeId(sha256(&[&cbor::encode(self)]))
    }

    /// Every key that it lists, in the order of the proofs.
    pub fn all_keys(&self) -> impl Iterator<Item = PublicKey> + '_ {
        self.keys.iter().chain(&self.rotation).copied()
    }
}

/// What a key signs in [`crate::signer::Domain::Possess`] to show that whoever lists it holds it.
#[must_use]
pub fn possession_message(network: NetworkId, author: AuthorId, key: PublicKey) -> Vec<u8> {
    cbor::encode(&(network, author, key))
}

/// What a home signs in [`crate::signer::Domain::Home`].
#[must_use]
pub fn home_message(network: NetworkId, agent: AgentId) -> Vec<u8> {
    cbor::encode(&(network, agent))
}

/// A proof for [`AgentGenesis::proofs`] and its like that whoever lists `signer`'s key holds it.
#[must_use]
pub fn possession_proof(network: NetworkId, author: AuthorId, signer: &dyn Signer) -> Signature {
    signer.sign(Domain::Possess, &possession_message(network, author, signer.public_key()))
}

impl HomeSignature {
    /// The word of the node whose operation `node_auth` lists `signer`'s key that it takes `agent` in.
    #[must_use]
    pub fn by(signer: &dyn Signer, node_auth: EnvelopeId, network: NetworkId, agent: AgentId) -> Self {
        let signature = signer.sign(Domain::Home, &home_message(network, agent));
        Self { node_auth, key: signer.public_key(), signature }
    }
}

impl AgentGenesis {
    /// The draft, to be signed by a rotation key of the core.
    #[must_use]
    pub fn draft(&self, network: NetworkId, time_ms: TimeMs) -> Draft {
        genesis_draft(network, &self.core, time_ms, Kind::GENESIS, cbor::encode(self))
    }
}

impl NodeGenesis {
    /// The draft, to be signed by a rotation key of the core.
    #[must_use]
    pub fn draft(&self, network: NetworkId, time_ms: TimeMs) -> Draft {
        genesis_draft(network, &self.core, time_ms, Kind::NODE_GENESIS, cbor::encode(self))
    }
}

fn genesis_draft(network: NetworkId, core: &[u8], time_ms: TimeMs, kind: Kind, body: Vec<u8>) -> Draft {
    let author = AuthorId(sha256(&[core]));
    let scope = Scope::Identity(author);
    let auth = EnvelopeId::ZERO;
    Draft { network, author, auth, scope, epoch: Epoch(0), seq: 0, prev: None, time_ms, kind, body }
}
