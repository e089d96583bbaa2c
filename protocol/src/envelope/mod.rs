//! The signed unit: header, signature, body. An [`Envelope`] keeps the bytes it was received in.
//!
//! The states of one envelope are types: [`Draft`] before signing, [`Envelope`] decoded, [`Verified`] once length,
//! hash, canonical form and signature hold. `Verified` has no public constructor; only [`verify`] and
//! [`Draft::sign`] make one.

mod draft;
mod header;
#[cfg(test)]
mod tests;

pub use draft::{Draft, SignError};
pub use header::{Header, LogId};

use crate::cbor::{self, CborError, Item, Reader};
use crate::ids::{BodyHash, EnvelopeId, Signature, sha256};
use crate::limits::{BODY_BYTES_MAX, ENVELOPE_BYTES_MAX, HEADER_BYTES_MAX, VERSION};
use crate::signer::{Domain, verify_signature};
use bytes::Bytes;
use std::ops::Range;

/// A decoded envelope. Its bytes are those that were received; its fields cannot be changed.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    bytes: Bytes,
    id: EnvelopeId,
    header: Header,
    header_at: Range<usize>,
    signature: Signature,
    body_at: Option<Range<usize>>,
}

/// Why bytes are no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes or the header are not canonical CBOR of the right shape.
    #[error("not an envelope: {0}")]
    Cbor(#[from] CborError),
    /// The header says another version.
    #[error("version {seen}, this node speaks {VERSION}")]
    Version {
        /// What the header says.
        seen: u64,
    },
    /// The header names a length that no body has. Without its body an envelope shows this by its header alone.
    #[error("the header names a body of {seen} bytes, 1 to {BODY_BYTES_MAX} are allowed")]
    BodyLength {
        /// What the header says.
        seen: u32,
    },
}

/// Why an envelope does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The body has another length than the header says.
    #[error("the body has {seen} bytes, the header says {claimed}")]
    BodyLength {
        /// The bytes that are there.
        seen: usize,
        /// The bytes that the header names.
        claimed: u32,
    },
    /// The body has another hash than the header says.
    #[error("the body does not have the hash that the header names")]
    BodyHash,
    /// The body is not canonical CBOR.
    #[error("the body is not canonical: {0}")]
    BodyForm(CborError),
    /// The signature is not the key's over the header.
    #[error("the signature is not of the key in the header")]
    Signature,
}

/// A thing whose length, hash, form and signature hold. Made by [`verify`] and [`Draft::sign`] only.
///
/// ```compile_fail,E0423
/// # fn forge(envelope: tidepool_protocol::Envelope) -> tidepool_protocol::Verified<tidepool_protocol::Envelope> {
/// tidepool_protocol::Verified(envelope)
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The thing itself.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl Verified<Envelope> {
    /// Takes an envelope that this node verified before it wrote it, as it comes back from the node's own store.
    ///
    /// For the store's adapters only: bytes from anywhere else go through [`verify`]. A test of this crate reads the
    /// workspace's sources and fails when another room calls it.
    #[must_use]
    pub fn from_own_store(envelope: Envelope) -> Self {
        Self(envelope)
    }

    /// The same envelope without its body: header and signature hold as before.
    #[must_use]
    pub fn erased(&self) -> Self {
        Self(self.0.without_body())
    }
}

impl Envelope {
    /// Reads the canonical form `[header: bytes, signature: bytes(64), body: bytes / null]` and nothing else.
    ///
    /// The envelope keeps `bytes` as they are: a slice of a larger frame keeps that whole frame in memory. Whoever
    /// holds an envelope for long copies the bytes first.
    ///
    /// # Errors
    /// When the bytes are longer than [`ENVELOPE_BYTES_MAX`], not canonical, of another shape or version.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(CborError::TooLong { seen: bytes.len(), allowed: ENVELOPE_BYTES_MAX }.into());
        }
        let mut reader = Reader::new(&bytes);
        let Item::Array(3) = reader.item()? else { return Err(CborError::Shape.into()) };
        let Item::Bytes(header_bytes) = reader.item()? else { return Err(CborError::Shape.into()) };
        let header_at = reader.position() - header_bytes.len()..reader.position();
        let Item::Bytes(signature) = reader.item()? else { return Err(CborError::Shape.into()) };
        let signature = Signature::from_slice(signature).ok_or(CborError::Shape)?;
        let body_at = match reader.item()? {
            Item::Null => None,
            Item::Bytes(body) if body.len() <= BODY_BYTES_MAX => {
                Some(reader.position() - body.len()..reader.position())
            }
            Item::Bytes(body) => {
                return Err(CborError::TooLong { seen: body.len(), allowed: BODY_BYTES_MAX }.into());
            }
            Item::Unsigned(_) | Item::Negative(_) | Item::Text(_) | Item::Array(_) | Item::Bool(_) => {
                return Err(CborError::Shape.into());
            }
        };
        reader.finish()?;
        let header = decode_header(&bytes[header_at.clone()])?;
        let id = EnvelopeId(sha256(&[&bytes[header_at.clone()]]));
        Ok(Self { id, header, header_at, signature, body_at, bytes })
    }

    /// SHA-256 of the header.
    #[must_use]
    pub const fn id(&self) -> EnvelopeId {
        self.id
    }

    /// What was signed.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The header as it was signed.
    #[must_use]
    pub fn header_bytes(&self) -> &[u8] {
        &self.bytes[self.header_at.clone()]
    }

    /// The signature over the header.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The body, `None` when it was erased or pruned.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        self.body_at.clone().map(|at| &self.bytes[at])
    }

    /// The whole envelope as it was received.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The same header and signature with the body left away: what an erased or pruned envelope looks like.
    #[must_use]
    pub fn without_body(&self) -> Self {
        let header = serde_bytes::Bytes::new(self.header_bytes());
        let bytes = Bytes::from(cbor::encode(&(header, self.signature, None::<()>)));
        Self::decode(bytes).expect("an envelope without its body is an envelope")
    }
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope").field("id", &self.id).field("kind", &self.header.kind).finish_non_exhaustive()
    }
}

fn decode_header(bytes: &[u8]) -> Result<Header, DecodeError> {
    if bytes.len() > HEADER_BYTES_MAX {
        return Err(CborError::TooLong { seen: bytes.len(), allowed: HEADER_BYTES_MAX }.into());
    }
    // The version is read alone first: of a newer one, nothing else is known.
    let mut reader = Reader::new(bytes);
    if let (Ok(Item::Array(_)), Ok(Item::Unsigned(seen))) = (reader.item(), reader.item())
        && seen != u64::from(VERSION)
    {
        return Err(DecodeError::Version { seen });
    }
    let header: Header = cbor::decode(bytes, HEADER_BYTES_MAX)?;
    // A body is one CBOR item, so it has a byte at least.
    if usize::try_from(header.body_len).is_ok_and(|length| (1..=BODY_BYTES_MAX).contains(&length)) {
        Ok(header)
    } else {
        Err(DecodeError::BodyLength { seen: header.body_len })
    }
}

/// Checks what a node must not believe: the body's length, hash and canonical form, and the signature, strictly.
///
/// An envelope without its body passes with header and signature alone; whether it may lack it is admission's question.
///
/// # Errors
/// What does not hold, cheapest check first.
pub fn verify(envelope: Envelope) -> Result<Verified<Envelope>, VerifyError> {
    if let Some(body) = envelope.body() {
        if u32::try_from(body.len()) != Ok(envelope.header.body_len) {
            return Err(VerifyError::BodyLength { seen: body.len(), claimed: envelope.header.body_len });
        }
        if BodyHash(sha256(&[body])) != envelope.header.body_hash {
            return Err(VerifyError::BodyHash);
        }
        cbor::check(body).map_err(VerifyError::BodyForm)?;
    }
    if verify_signature(&envelope.header.key, Domain::Envelope, envelope.header_bytes(), &envelope.signature) {
        Ok(Verified(envelope))
    } else {
        Err(VerifyError::Signature)
    }
}
