//! Several envelopes in one gossip frame: `[1, [envelope, ...], [identity operation, ...]]`.

use crate::cbor::{CborError, Item, Reader};
use crate::limits::{BUNDLE_BYTES_MAX, BUNDLE_ENVELOPES_MAX, ENVELOPE_BYTES_MAX, VERSION};
use bytes::Bytes;

/// Envelopes that travel together, and the identity operations of authors that open a log in it.
///
/// The bytes of each are slices of the frame: nothing is copied, nothing below the frame's own structure is decoded yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Envelopes, each as its own bytes.
    pub envelopes: Vec<Bytes>,
    /// Identity operations (envelopes too), each chain in order, genesis first.
    pub identities: Vec<Bytes>,
}

/// Why a frame is no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not canonical CBOR of the right shape.
    #[error("not a bundle: {0}")]
    Cbor(#[from] CborError),
    /// A bundle of another version.
    #[error("bundle version {0}, this node speaks {VERSION}")]
    Version(u64),
    /// More envelopes than a bundle may have.
    #[error("{0} envelopes in a bundle, at most {BUNDLE_ENVELOPES_MAX} are allowed")]
    TooMany(usize),
}

impl Bundle {
    /// The frame.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        fn list(items: &[Bytes]) -> Vec<&serde_bytes::Bytes> {
            items.iter().map(|item| serde_bytes::Bytes::new(item)).collect()
        }
        crate::cbor::encode(&(VERSION, list(&self.envelopes), list(&self.identities))).into()
    }

    /// How many bytes an envelope of `length` bytes adds to a bundle: its own, and the CBOR head before it.
    #[must_use]
    pub const fn bytes_of(length: usize) -> usize {
        let head = match length {
            0..=23 => 1,
            24..=0xff => 2,
            0x100..=0xffff => 3,
            _ => 5,
        };
        head + length
    }

    /// An upper bound of the length of [`Self::encode`], at most four bytes above it.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        // The array's head, the version, and the two lists' heads (two bytes each up to 255 items).
        let heads = 6;
        heads + self.envelopes.iter().chain(&self.identities).map(|item| Self::bytes_of(item.len())).sum::<usize>()
    }

    /// Reads a frame of at most [`BUNDLE_BYTES_MAX`] bytes and [`BUNDLE_ENVELOPES_MAX`] envelopes and operations together.
    ///
    /// # Errors
    /// When the frame is too long, not canonical, of another shape or version, empty, or holds too many envelopes or a
    /// too long one.
    pub fn decode(frame: &Bytes) -> Result<Self, BundleError> {
        if frame.len() > BUNDLE_BYTES_MAX {
            return Err(CborError::TooLong { seen: frame.len(), allowed: BUNDLE_BYTES_MAX }.into());
        }
        let mut reader = Reader::new(frame);
        let Item::Array(length) = reader.item()? else { return Err(CborError::Shape.into()) };
        let Item::Unsigned(version) = reader.item()? else { return Err(CborError::Shape.into()) };
        if version != u64::from(VERSION) {
            return Err(BundleError::Version(version));
        }
        if length != 3 {
            return Err(CborError::Shape.into());
        }
        let envelopes = list(&mut reader, frame, BUNDLE_ENVELOPES_MAX)?;
        let identities = list(&mut reader, frame, BUNDLE_ENVELOPES_MAX - envelopes.len())?;
        reader.finish()?;
        if envelopes.is_empty() && identities.is_empty() {
            return Err(CborError::Shape.into());
        }
        Ok(Self { envelopes, identities })
    }
}

fn list(reader: &mut Reader<'_>, frame: &Bytes, allowed: usize) -> Result<Vec<Bytes>, BundleError> {
    let Item::Array(count) = reader.item()? else { return Err(CborError::Shape.into()) };
    if count > allowed {
        return Err(BundleError::TooMany(count));
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        let Item::Bytes(bytes) = reader.item()? else { return Err(CborError::Shape.into()) };
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(CborError::TooLong { seen: bytes.len(), allowed: ENVELOPE_BYTES_MAX }.into());
        }
        items.push(frame.slice(reader.position() - bytes.len()..reader.position()));
    }
    Ok(items)
}

#[cfg(test)]
mod tests;
