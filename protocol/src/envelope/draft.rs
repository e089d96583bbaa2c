//! An envelope before it is signed.

use super::{DecodeError, Envelope, Header, Verified};
use crate::cbor;
use crate::ids::{AuthorId, BodyHash, EnvelopeId, NetworkId, PublicKey, sha256};
use crate::kind::Kind;
use crate::limits::VERSION;
use crate::scope::Scope;
use crate::signer::{Domain, Signer, verify_signature};
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

/// Why a draft is not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// A signer gave something else than a signature of the key that it names: it declined, or it is broken.
    #[error("the signer of {0} gave no signature of that key")]
    Signature(PublicKey),
    /// The draft makes no envelope: its body is empty or too long, or its scope is none.
    #[error("the draft makes no envelope: {0}")]
    Envelope(#[from] DecodeError),
}

impl Draft {
    /// Signs it. A signer that is no key in memory is not believed: its signature is verified.
    ///
    /// # Errors
    /// When the draft makes no envelope, or the signer gave no valid signature.
    pub fn try_sign(self, signer: &dyn Signer) -> Result<Verified<Envelope>, SignError> {
        let secret = signer.secret();
        let key = secret.map_or_else(|| signer.public_key(), Signer::public_key);
        let header = Header {
            version: VERSION,
            network: self.network,
            author: self.author,
            auth: self.auth,
            key,
            scope: self.scope,
            epoch: self.epoch,
            seq: self.seq,
            prev: self.prev,
            time_ms: self.time_ms,
            kind: self.kind,
            // Decoding refuses what is longer than a body may be, so also what this cuts off.
            body_len: u32::try_from(self.body.len()).unwrap_or(u32::MAX),
            body_hash: BodyHash(sha256(&[&self.body])),
        };
        let header = cbor::encode(&header);
        let signature = match secret {
            Some(secret) => secret.sign(Domain::Envelope, &header),
            None => signer.sign(Domain::Envelope, &header),
        };
        let bytes = cbor::encode(&(serde_bytes::Bytes::new(&header), signature, serde_bytes::Bytes::new(&self.body)));
        let envelope = Envelope::decode(Bytes::from(bytes))?;
        if secret.is_none() && !verify_signature(&key, Domain::Envelope, &header, &signature) {
            return Err(SignError::Signature(key));
        }
        Ok(Verified(envelope))
    }

    /// Signs it.
    ///
    /// # Panics
    /// Where [`Self::try_sign`] fails: bodies are bounded where they are made, and a key in memory always signs.
    #[must_use]
    pub fn sign(self, signer: &dyn Signer) -> Verified<Envelope> {
        self.try_sign(signer).expect("a draft within its limits, and a signer that signs")
    }
}
