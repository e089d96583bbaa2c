//! An envelope before it is signed.

use super::{Envelope, Header, Verified};
use crate::cbor;
use crate::ids::{AuthorId, BodyHash, EnvelopeId, NetworkId, sha256};
use crate::kind::Kind;
use crate::limits::VERSION;
use crate::scope::Scope;
use crate::signer::{Domain, Signer};
use crate::time::{Epoch, TimeMs};
use bytes::Bytes;

/// Everything of an envelope but the key and the signature. Where it stands in its log is the caller's to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The network it is for.
    pub network: NetworkId,
    /// Who says it.
    pub author: AuthorId,
    /// The identity operation that lists the signer's key; [`EnvelopeId::ZERO`] in a genesis.
    pub auth: EnvelopeId,
    /// What it is about.
    pub scope: Scope,
    /// The log's week and number; 0 for identity operations.
    pub epoch: Epoch,
    /// Its place in the log.
    pub seq: u64,
    /// The envelope before it.
    pub prev: Option<EnvelopeId>,
    /// When it is signed.
    pub time_ms: TimeMs,
    /// What kind of body it has.
    pub kind: Kind,
    /// The body in canonical form, at most [`crate::limits::BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
}

impl Draft {
    /// Signs it.
    ///
    /// # Panics
    /// When the body is longer than [`crate::limits::BODY_BYTES_MAX`]: bodies are bounded where they are made.
    #[must_use]
    pub fn sign(self, signer: &dyn Signer) -> Verified<Envelope> {
        let header = Header {
            version: VERSION,
            network: self.network,
            author: self.author,
            auth: self.auth,
            key: signer.public_key(),
            scope: self.scope,
            epoch: self.epoch,
            seq: self.seq,
            prev: self.prev,
            time_ms: self.time_ms,
            kind: self.kind,
            body_len: u32::try_from(self.body.len()).expect("a body is shorter than 4 GiB"),
            body_hash: BodyHash(sha256(&[&self.body])),
        };
        let header = cbor::encode(&header);
        let signature = signer.sign(Domain::Envelope, &header);
        let bytes = cbor::encode(&(serde_bytes::Bytes::new(&header), signature, serde_bytes::Bytes::new(&self.body)));
        Verified(Envelope::decode(Bytes::from(bytes)).expect("what was just encoded within its limits decodes"))
    }
}
