//! An agent's logs and keys, as an inspector and its owner's tools see them.

use tidepool_protocol::body::Head;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, NodeId, PublicKey, Signature, TimeMs};
use tidepool_views::logs::LogView;

/// An agent's identity as it stands, and its logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentLogs {
    /// Whose.
    pub agent: AgentId,
    /// The identity.
    pub identity: IdentityView,
    /// The logs, in no order that means anything.
    pub logs: Vec<LogView>,
    /// Whether there are more.
    pub more: bool,
}

/// An identity as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityView {
    /// Whose.
    pub author: AuthorId,
    /// The operation that made it so: the `auth` of what is signed now.
    pub operation: EnvelopeId,
    /// Its place in the chain.
    pub chain_seq: u64,
    /// Whether equal operations freeze it.
    pub frozen: bool,
    /// Keys that sign.
    pub signing: Vec<PublicKey>,
    /// Keys that rotate, revoke and keep, highest priority first.
    pub rotation: Vec<PublicKey>,
    /// Keys that were closed.
    pub closed: Vec<PublicKey>,
    /// Its home.
    pub home: Option<NodeId>,
}

/// A key in custody that waits to be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextKey {
    /// The key.
    pub key: PublicKey,
    /// That the agent's home holds it: what the operation that lists it carries.
    pub proof: Signature,
}

/// A checkpoint with its home's word, for an agent that signs for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Countersigned {
    /// Whose.
    pub agent: AgentId,
    /// The time that the word is for: the envelope's own must be the same.
    pub time_ms: TimeMs,
    /// What it lists, sorted.
    pub heads: Vec<Head>,
    /// The body of the envelope.
    pub body: Vec<u8>,
}
