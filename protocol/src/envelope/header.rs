//! The header: everything that admission reads, and all that is hashed and signed.

use crate::ids::{AuthorId, BodyHash, EnvelopeId, NetworkId, PublicKey};
use crate::kind::Kind;
use crate::scope::Scope;
use crate::time::{Epoch, TimeMs};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// What is signed: who says it, with which key, about what, where in which log, when, and the hash of what is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Header {
    /// [`crate::limits::VERSION`].
    pub version: u8,
    /// The network it belongs to.
    pub network: NetworkId,
    /// The identity that says it.
    pub author: AuthorId,
    /// The identity operation of `author` that lists `key`; zero in a genesis.
    pub auth: EnvelopeId,
    /// The key that signed.
    pub key: PublicKey,
    /// What it is about.
    pub scope: Scope,
    /// The log's week and number.
    pub epoch: Epoch,
    /// Its place in the log, from 0.
    pub seq: u64,
    /// The envelope before it: that of `seq - 1`; at 0 the head of that key's previous log in this scope, if any.
    pub prev: Option<EnvelopeId>,
    /// When its author says that it was signed.
    pub time_ms: TimeMs,
    /// What kind of body it has.
    pub kind: Kind,
    /// The length of the body in bytes.
    pub body_len: u32,
    /// The hash of the body.
    pub body_hash: BodyHash,
}

/// The log in which an envelope stands: one key of one author in one scope in one epoch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// Whose log.
    pub author: AuthorId,
    /// Signed by which key.
    pub key: PublicKey,
    /// About what.
    pub scope: Scope,
    /// Its week and number.
    pub epoch: Epoch,
}

impl Header {
    /// The log in which it stands.
    #[must_use]
    pub fn log(&self) -> LogId {
        LogId { author: self.author, key: self.key, scope: self.scope.clone(), epoch: self.epoch }
    }

    /// The slot in which it lies.
    #[must_use]
    pub fn slot(&self) -> crate::slot::Slot {
        self.kind.slot(&self.scope)
    }
}
