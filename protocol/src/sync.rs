//! Messages of `/tidepool/sync/1`: one request, one answer, each an array `[tag, ...]` in canonical CBOR, in a frame of
//! at most [`SYNC_FRAME_BYTES_MAX`] bytes.
//!
//! A *point* is `[time_ms, id]`, the place of an envelope in its slot's order; a *range* is `[from, to]`, with `from`
//! included, `to` not, and null for no end. A *class* is 0 for state (everything but the content group) and 1 for
//! content. A digest is `[count, fingerprint]`, as [`crate::digest`] makes it.
//!
//! | request | array | answer |
//! |---|---|---|
//! | digest | `[0, [[first slot, last slot, class], ...]]` | digests |
//! | split | `[1, slot, class, range, parts]` | parts |
//! | ids | `[2, slot, class, range, limit]` | ids |
//! | fetch | `[3, [id, ...]]` | envelopes |
//! | range | `[4, slot, class, range, bytes]` | envelopes |
//! | log | `[5, author, key, scope, epoch, from, to]` | envelopes; `from` and `to` are places, both included |
//! | identity | `[6, [author, ...]]` | envelopes: whole chains, genesis first, homes before their agents |
//! | heads | `[7, author]` | heads, newest epoch first |
//! | blob | `[8, hash]` | blob |
//!
//! | answer | array |
//! |---|---|
//! | digests | `[0, [[count, fingerprint], ...]]`, in the order asked |
//! | parts | `[1, [[to / null, count, fingerprint], ...]]`: the range cut by count; each part begins where the last ends |
//! | ids | `[2, [point, ...], next: point / null]`: `next` is where to go on when there are more |
//! | envelopes | `[3, [envelope, ...], next: point / null]` |
//! | heads | `[4, [head, ...], more]` |
//! | blob | `[5, bytes / null]` |
//! | busy | `[6]`: the asker's budget is used up, or nothing can be served now |

#[cfg(test)]
mod tests;

use crate::body::Head;
use crate::cbor::{self, CborError, Item, Reader};
use crate::digest::Fingerprint;
use crate::envelope::LogId;
use crate::ids::{AuthorId, BlobHash, EnvelopeId};
use crate::kind::{Group, Kind};
use crate::limits::{HEADS_MAX, SYNC_FRAME_BYTES_MAX};
use crate::slot::Slot;
use crate::time::{Epoch, TimeMs};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// The most digests in one request: two classes of every slot of a group of 64, and one more.
pub const DIGESTS_MAX: usize = 256;

/// The most parts that a range is cut into.
pub const PARTS_MAX: u8 = 16;

/// The most ids in one request or answer: 180 KB, and as many envelopes as one frame often holds.
pub const IDS_MAX: usize = 4_096;

/// The most identities in one request.
pub const IDENTITIES_MAX: usize = 64;

/// What an answer of envelopes may hold: the frame without its own heads and `next`.
pub const ENVELOPES_BYTES_MAX: usize = SYNC_FRAME_BYTES_MAX - 128;

/// The most envelopes in one answer: the smallest has some 300 bytes.
pub const ENVELOPES_MAX: usize = 4_096;

/// The place of an envelope in its slot's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple)]
pub struct Point {
    /// When its author says that it was signed.
    pub time_ms: TimeMs,
    /// Its id.
    pub id: EnvelopeId,
}

impl Point {
    /// Before every envelope.
    pub const START: Self = Self { time_ms: TimeMs(0), id: EnvelopeId::ZERO };
}

/// Points from `from` (included) to `to` (not included; `None` for no end).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple)]
pub struct Range {
    /// The first point.
    pub from: Point,
    /// The point behind the last.
    pub to: Option<Point>,
}

impl Range {
    /// All points.
    pub const ALL: Self = Self { from: Point::START, to: None };

    /// Whether `point` lies in it.
    #[must_use]
    pub fn contains(&self, point: &Point) -> bool {
        *point >= self.from && self.to.is_none_or(|to| *point < to)
    }
}

/// Which of a slot's two digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Class {
    /// Everything but the content group; never pruned.
    State,
    /// The content group.
    Content,
}

/// A number that is no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("class {0}, 0 (state) and 1 (content) are known")]
pub struct ClassError(pub u8);

impl From<Class> for u8 {
    fn from(class: Class) -> Self {
        match class {
            Class::State => 0,
            Class::Content => 1,
        }
    }
}

impl TryFrom<u8> for Class {
    type Error = ClassError;
    fn try_from(number: u8) -> Result<Self, ClassError> {
        match number {
            0 => Ok(Self::State),
            1 => Ok(Self::Content),
            other => Err(ClassError(other)),
        }
    }
}

impl Class {
    /// The class in which envelopes of `kind` are counted.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        if matches!(kind.group(), Group::Content) { Self::Content } else { Self::State }
    }
}

/// A run of slots in one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple)]
pub struct SlotRun {
    /// The first slot.
    pub first: Slot,
    /// The last slot, included.
    pub last: Slot,
    /// The class.
    pub class: Class,
}

/// Count and fingerprint of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Digest {
    /// How many envelopes.
    pub count: u64,
    /// Their fingerprint.
    pub fingerprint: Fingerprint,
}

/// One part of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Part {
    /// Where it ends and the next begins; the last ends where the range does.
    pub to: Option<Point>,
    /// How many envelopes it holds.
    pub count: u64,
    /// Their fingerprint.
    pub fingerprint: Fingerprint,
}

/// What a node asks a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncRequest {
    /// The digests of runs of slots; at most [`DIGESTS_MAX`].
    Digest(Vec<SlotRun>),
    /// A range of one slot, cut by count into at most `parts` parts, with their digests.
    Split {
        /// The slot.
        slot: Slot,
        /// The class.
        class: Class,
        /// The range.
        range: Range,
        /// How many parts, 1 to [`PARTS_MAX`].
        parts: u8,
    },
    /// The points of a range.
    Ids {
        /// The slot.
        slot: Slot,
        /// The class.
        class: Class,
        /// The range.
        range: Range,
        /// At most so many, and at most [`IDS_MAX`].
        limit: u16,
    },
    /// Envelopes by their ids; at most [`IDS_MAX`]. Those that the peer does not have are left out.
    Fetch(Vec<EnvelopeId>),
    /// The envelopes of a range, in order.
    Range {
        /// The slot.
        slot: Slot,
        /// The class.
        class: Class,
        /// The range.
        range: Range,
        /// At most so many bytes, and at most [`ENVELOPES_BYTES_MAX`].
        bytes: u32,
    },
    /// The envelopes of one log.
    Log {
        /// The log.
        log: LogId,
        /// The first place.
        from: u64,
        /// The last place, included.
        to: u64,
    },
    /// The chains of identities, each with its home node's; at most [`IDENTITIES_MAX`].
    Identity(Vec<AuthorId>),
    /// The heads of an author's logs.
    Heads(AuthorId),
    /// A blob.
    Blob(BlobHash),
}

/// What the peer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncAnswer {
    /// To [`SyncRequest::Digest`].
    Digests(Vec<Digest>),
    /// To [`SyncRequest::Split`].
    Parts(Vec<Part>),
    /// To [`SyncRequest::Ids`].
    Ids {
        /// The points, ascending.
        points: Vec<Point>,
        /// Where to go on, when there are more.
        next: Option<Point>,
    },
    /// To [`SyncRequest::Fetch`], [`SyncRequest::Range`], [`SyncRequest::Log`] and [`SyncRequest::Identity`].
    Envelopes {
        /// Each as its bytes.
        envelopes: Vec<Bytes>,
        /// Where a range goes on, when there are more.
        next: Option<Point>,
    },
    /// To [`SyncRequest::Heads`].
    Heads {
        /// Newest epoch first.
        heads: Vec<Head>,
        /// Whether there are more than fit.
        more: bool,
    },
    /// To [`SyncRequest::Blob`].
    Blob(Option<Bytes>),
    /// The asker's budget is used up, or nothing can be served now.
    Busy,
}

/// Why a frame is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// Not canonical CBOR of the right shape.
    #[error("not a sync message: {0}")]
    Cbor(#[from] CborError),
    /// A message that this version does not know.
    #[error("sync message {0}, which this node does not know")]
    Tag(u64),
    /// A list is longer than it may be.
    #[error("{seen} entries in a sync message, {allowed} are allowed")]
    TooMany {
        /// How many there are.
        seen: usize,
        /// How many may be.
        allowed: usize,
    },
}

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
            other => Err(SyncError::Tag(other)),
        }
    }
}

impl SyncAnswer {
    /// The frame.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Digests(digests) => cbor::encode(&(0u8, digests)),
            Self::Parts(parts) => cbor::encode(&(1u8, parts)),
            Self::Ids { points, next } => cbor::encode(&(2u8, points, next)),
            Self::Envelopes { envelopes, next } => {
                let items: Vec<&serde_bytes::Bytes> = envelopes.iter().map(|e| serde_bytes::Bytes::new(e)).collect();
                cbor::encode(&(3u8, items, next))
            }
            Self::Heads { heads, more } => cbor::encode(&(4u8, heads, more)),
            Self::Blob(blob) => cbor::encode(&(5u8, blob.as_deref().map(serde_bytes::Bytes::new))),
            Self::Busy => cbor::encode(&(6u8,)),
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
                let (_, List(digests)): (u8, List<Digest, DIGESTS_MAX>) = read(frame)?;
                Ok(Self::Digests(digests))
            }
            1 => {
                let (_, List(parts)): (u8, List<Part, { PARTS_MAX as usize }>) = read(frame)?;
                Ok(Self::Parts(parts))
            }
            2 => {
                let (_, List(points), next): (u8, List<Point, IDS_MAX>, _) = read(frame)?;
                Ok(Self::Ids { points, next })
            }
            3 => read_envelopes(frame),
            4 => {
                let (_, List(heads), more): (u8, List<Head, HEADS_MAX>, bool) = read(frame)?;
                Ok(Self::Heads { heads, more })
            }
            5 => {
                let (_, blob): (u8, Option<ByteBuf>) = read(frame)?;
                Ok(Self::Blob(blob.map(|blob| Bytes::from(blob.into_vec()))))
            }
            6 => read::<(u8,)>(frame).map(|_| Self::Busy),
            other => Err(SyncError::Tag(other)),
        }
    }
}

/// The one long answer, read without copying.
fn read_envelopes(frame: &Bytes) -> Result<SyncAnswer, SyncError> {
    let mut reader = Reader::new(frame);
    let Item::Array(3) = reader.item()? else { return Err(CborError::Shape.into()) };
    let Item::Unsigned(_) = reader.item()? else { return Err(CborError::Shape.into()) };
    let Item::Array(count) = reader.item()? else { return Err(CborError::Shape.into()) };
    bounded(count, ENVELOPES_MAX)?;
    let mut envelopes = Vec::new();
    for _ in 0..count {
        let Item::Bytes(bytes) = reader.item()? else { return Err(CborError::Shape.into()) };
        envelopes.push(frame.slice(reader.position() - bytes.len()..reader.position()));
    }
    let next = read(&frame[reader.position()..])?;
    Ok(SyncAnswer::Envelopes { envelopes, next })
}
