//! How sync messages are written and read: bounded, canonical, envelopes as slices of their frame.

use super::{
    DIGESTS_MAX, Digest, ENVELOPES_MAX, HORIZONS_MAX, Horizon, IDENTITIES_MAX, IDS_MAX, PARTS_MAX, Part, Point,
    RECONCILE_BYTES_MAX, SlotRun, SyncAnswer, SyncError, SyncRequest,
};
use crate::body::Head;
use crate::cbor::{self, CborError, Item, Reader};
use crate::envelope::LogId;
use crate::ids::{AuthorId, BlobHash, EnvelopeId};
use crate::limits::{HEADS_MAX, SYNC_FRAME_BYTES_MAX};
use crate::time::Epoch;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A list whose bytes are read without reserving for what it claims.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct List<T: for<'a> Deserialize<'a>, const MAX: usize>(
    #[serde(deserialize_with = "cbor::list::<_, _, MAX>")] Vec<T>,
);

fn tag_of(frame: &[u8]) -> Result<u64, SyncError> {
    if frame.len() > SYNC_FRAME_BYTES_MAX {
        return Err(CborError::TooLong { seen: frame.len(), allowed: SYNC_FRAME_BYTES_MAX }.into());
    }
    let mut reader = Reader::new(frame);
    let Item::Array(1..) = reader.item()? else { return Err(CborError::Shape.into()) };
    let Item::Unsigned(tag) = reader.item()? else { return Err(CborError::Shape.into()) };
    Ok(tag)
}

fn read<T: Serialize + serde::de::DeserializeOwned>(frame: &[u8]) -> Result<T, SyncError> {
    Ok(cbor::decode(frame, SYNC_FRAME_BYTES_MAX)?)
}

fn bounded(seen: usize, allowed: usize) -> Result<(), SyncError> {
    if seen <= allowed { Ok(()) } else { Err(SyncError::TooMany { seen, allowed }) }
}

impl SyncRequest {
    /// The frame.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Digest(runs) => cbor::encode(&(0u8, runs)),
            Self::Split { slot, class, range, parts } => cbor::encode(&(1u8, slot, class, range, parts)),
            Self::Ids { slot, class, range, limit } => cbor::encode(&(2u8, slot, class, range, limit)),
            Self::Fetch(ids) => cbor::encode(&(3u8, ids)),
            Self::Range { slot, class, range, bytes } => cbor::encode(&(4u8, slot, class, range, bytes)),
            Self::Log { log, from, to } => cbor::encode(&(5u8, log.author, log.key, &log.scope, log.epoch, from, to)),
            Self::Identity(authors) => cbor::encode(&(6u8, authors)),
            Self::Heads(author) => cbor::encode(&(7u8, author)),
            Self::Blob(hash) => cbor::encode(&(8u8, hash)),
            Self::Snapshot { of, after, bytes } => cbor::encode(&(9u8, of, after, bytes)),
            Self::Reconcile { slot, class, range, message } => {
                cbor::encode(&(10u8, slot, class, range, serde_bytes::Bytes::new(message)))
            }
        }
        .into()
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// When it is too long, not canonical, of an unknown tag, or holds more than it may.
    pub fn decode(frame: &[u8]) -> Result<Self, SyncError> {
        match tag_of(frame)? {
            0 => {
                let (_, List(runs)): (u8, List<SlotRun, DIGESTS_MAX>) = read(frame)?;
                Ok(Self::Digest(runs))
            }
            1 => {
                let (_, slot, class, range, parts): (u8, _, _, _, u8) = read(frame)?;
                bounded(usize::from(parts), usize::from(PARTS_MAX))?;
                Ok(Self::Split { slot, class, range, parts })
            }
            2 => {
                let (_, slot, class, range, limit): (u8, _, _, _, u16) = read(frame)?;
                bounded(usize::from(limit), IDS_MAX)?;
                Ok(Self::Ids { slot, class, range, limit })
            }
            3 => {
                let (_, List(ids)): (u8, List<EnvelopeId, IDS_MAX>) = read(frame)?;
                Ok(Self::Fetch(ids))
            }
            4 => {
                let (_, slot, class, range, bytes): (u8, _, _, _, u32) = read(frame)?;
                Ok(Self::Range { slot, class, range, bytes })
            }
            5 => {
                let (_, author, key, scope, epoch, from, to): (u8, _, _, _, Epoch, u64, u64) = read(frame)?;
                Ok(Self::Log { log: LogId { author, key, scope, epoch }, from, to })
            }
            6 => {
                let (_, List(authors)): (u8, List<AuthorId, IDENTITIES_MAX>) = read(frame)?;
                Ok(Self::Identity(authors))
            }
            7 => Ok(Self::Heads(read::<(u8, AuthorId)>(frame)?.1)),
            8 => Ok(Self::Blob(read::<(u8, BlobHash)>(frame)?.1)),
            9 => {
                let (_, List(of), after, bytes): (u8, List<Horizon, HORIZONS_MAX>, u64, u32) = read(frame)?;
                Ok(Self::Snapshot { of, after, bytes })
            }
            10 => {
                let (_, slot, class, range, message): (u8, _, _, _, ByteBuf) = read(frame)?;
                bounded(message.len(), RECONCILE_BYTES_MAX)?;
                Ok(Self::Reconcile { slot, class, range, message: message.into_vec().into() })
            }
            other => Err(SyncError::Tag(other)),
        }
    }
}

impl SyncAnswer {
    /// The frame.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Digests { digests, covers } => cbor::encode(&(0u8, digests, covers)),
            Self::Parts(parts) => cbor::encode(&(1u8, parts)),
            Self::Ids { points, next } => cbor::encode(&(2u8, points, next)),
            Self::Envelopes { envelopes, next, gone } => cbor::encode(&(3u8, strings(envelopes), next, gone)),
            Self::Heads { heads, more } => cbor::encode(&(4u8, heads, more)),
            Self::Blob(blob) => cbor::encode(&(5u8, blob.as_deref().map(serde_bytes::Bytes::new))),
            Self::Busy => cbor::encode(&(6u8,)),
            Self::Snapshot { envelopes, next, digest } => cbor::encode(&(7u8, strings(envelopes), next, digest)),
            Self::Reconciled(message) => cbor::encode(&(8u8, serde_bytes::Bytes::new(message))),
        }
        .into()
    }

    /// Reads a frame. Envelopes and blobs are slices of it.
    ///
    /// # Errors
    /// When it is too long, not canonical, of an unknown tag, or holds more than it may.
    pub fn decode(frame: &Bytes) -> Result<Self, SyncError> {
        match tag_of(frame)? {
            0 => {
                let (_, List(digests), List(covers)): (u8, List<Digest, DIGESTS_MAX>, List<Horizon, HORIZONS_MAX>) =
                    read(frame)?;
                Ok(Self::Digests { digests, covers })
            }
            1 => {
                let (_, List(parts)): (u8, List<Part, { PARTS_MAX as usize }>) = read(frame)?;
                Ok(Self::Parts(parts))
            }
            2 => {
                let (_, List(points), next): (u8, List<Point, IDS_MAX>, _) = read(frame)?;
                Ok(Self::Ids { points, next })
            }
            3 => {
                let (envelopes, rest) = read_envelopes(frame, 4)?;
                let (next, at) = read_item(frame, rest)?;
                let List(gone): List<EnvelopeId, IDS_MAX> = read(&frame[at..])?;
                Ok(Self::Envelopes { envelopes, next, gone })
            }
            4 => {
                let (_, List(heads), more): (u8, List<Head, HEADS_MAX>, bool) = read(frame)?;
                Ok(Self::Heads { heads, more })
            }
            5 => {
                let (_, blob): (u8, Option<ByteBuf>) = read(frame)?;
                Ok(Self::Blob(blob.map(|blob| Bytes::from(blob.into_vec()))))
            }
            6 => read::<(u8,)>(frame).map(|_| Self::Busy),
            7 => {
                let (envelopes, rest) = read_envelopes(frame, 4)?;
                let (next, at) = read_item(frame, rest)?;
                Ok(Self::Snapshot { envelopes, next, digest: read(&frame[at..])? })
            }
            8 => {
                let (_, message): (u8, ByteBuf) = read(frame)?;
                bounded(message.len(), RECONCILE_BYTES_MAX)?;
                Ok(Self::Reconciled(message.into_vec().into()))
            }
            other => Err(SyncError::Tag(other)),
        }
    }
}

fn strings(envelopes: &[Bytes]) -> Vec<&serde_bytes::Bytes> {
    envelopes.iter().map(|envelope| serde_bytes::Bytes::new(envelope)).collect()
}

/// The envelopes of an array of `fields` fields, read without copying, and where they end.
fn read_envelopes(frame: &Bytes, fields: usize) -> Result<(Vec<Bytes>, usize), SyncError> {
    let mut reader = Reader::new(frame);
    let Item::Array(seen) = reader.item()? else { return Err(CborError::Shape.into()) };
    let Item::Unsigned(_) = reader.item()? else { return Err(CborError::Shape.into()) };
    let Item::Array(count) = reader.item()? else { return Err(CborError::Shape.into()) };
    if seen != fields {
        return Err(CborError::Shape.into());
    }
    bounded(count, ENVELOPES_MAX)?;
    let mut envelopes = Vec::new();
    for _ in 0..count {
        let Item::Bytes(bytes) = reader.item()? else { return Err(CborError::Shape.into()) };
        envelopes.push(frame.slice(reader.position() - bytes.len()..reader.position()));
    }
    Ok((envelopes, reader.position()))
}

/// The value at `from`, and where it ends.
fn read_item<T: Serialize + serde::de::DeserializeOwned>(frame: &[u8], from: usize) -> Result<(T, usize), SyncError> {
    let mut reader = Reader::new(&frame[from..]);
    let mut left: usize = 1;
    while left > 0 {
        left -= 1;
        if let Item::Array(count) = reader.item()? {
            left = left.saturating_add(count);
        }
    }
    let end = from + reader.position();
    Ok((read(&frame[from..end])?, end))
}
