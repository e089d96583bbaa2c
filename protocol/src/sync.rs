//! Messages of `/tidepool/sync/1`: one request, one answer, each an array `[tag, ...]` in canonical CBOR, in a frame of
//! at most [`SYNC_FRAME_BYTES_MAX`] bytes.
//!
//! A *point* is `[time_ms, id]`, the place of an envelope in its slot's order; a *range* is `[from, to]`, with `from`
//! included, `to` not, and null for no end. A *class* is 0 for state (everything but the content group) and 1 for
//! content. A digest is `[count, fingerprint]`, as [`crate::digest`] makes it. A *horizon* is `[first slot, last slot,
//! from]`: of these slots all is held, of the content class what is not older than `from`.
//!
//! | request | array | answer |
//! |---|---|---|
//! | digest | `[0, [[first slot, last slot, class, from], ...]]`: what is not older than `from` | digests |
//! | split | `[1, slot, class, range, parts]` | parts |
//! | ids | `[2, slot, class, range, limit]` | ids |
//! | fetch | `[3, [id, ...]]` | envelopes |
//! | range | `[4, slot, class, range, bytes]` | envelopes |
//! | log | `[5, author, key, scope, epoch, from, to]` | envelopes; `from` and `to` are places, both included |
//! | identity | `[6, [author, ...]]` | envelopes: whole chains, genesis first, homes before their agents |
//! | heads | `[7, author]` | heads, newest epoch first |
//! | blob | `[8, hash]` | blob |
//! | snapshot | `[9, [horizon, ...], after, bytes]`: what these horizons cover, in the order of the peer's log | snapshot |
//! | reconcile | `[10, slot, class, range, message]`: a message of negentropy, version 1 | reconciled |
//!
//! | answer | array |
//! |---|---|
//! | digests | `[0, [[count, fingerprint], ...], [horizon, ...]]`: in the order asked, and what the peer covers |
//! | parts | `[1, [[to / null, count, fingerprint], ...]]`: the range cut by count; each part begins where the last ends |
//! | ids | `[2, [point, ...], next: point / null]`: `next` is where to go on when there are more |
//! | envelopes | `[3, [envelope, ...], next: point / null, [id, ...]]`: the ids are those asked for that are not held |
//! | heads | `[4, [head, ...], more]` |
//! | blob | `[5, bytes / null]` |
//! | busy | `[6]`: the asker's budget is used up, or nothing can be served now |
//! | snapshot | `[7, [envelope, ...], next / null, [count, fingerprint]]`: where to go on, and the digest of all that the horizons cover as it is now |
//! | reconciled | `[8, message]`: empty when the range holds more than [`RECONCILE_POINTS_MAX`] here; split it |

mod frames;
#[cfg(test)]
mod tests;

use crate::body::Head;
use crate::cbor::CborError;
use crate::digest::Fingerprint;
use crate::envelope::LogId;
use crate::ids::{AuthorId, BlobHash, EnvelopeId};
use crate::kind::{Group, Kind};
use crate::limits::SYNC_FRAME_BYTES_MAX;
use crate::slot::Slot;
use crate::time::TimeMs;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
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

/// The most horizons in one message; who has more says less of what it holds.
pub const HORIZONS_MAX: usize = 128;

/// The longest message of negentropy.
pub const RECONCILE_BYTES_MAX: usize = 64 * 1024;

/// The most points of a range that is reconciled by negentropy, on either side: beyond, it is split first.
pub const RECONCILE_POINTS_MAX: u64 = 16 * 1024;

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
    /// What is older is not counted; 0 for all.
    pub from: TimeMs,
}

/// What a node holds of a run of slots: all of the state class, and of the content class what is not older than `from`.
/// What it pruned is older, and it is not asked for it. Slots in no horizon are not covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple)]
pub struct Horizon {
    /// The first slot.
    pub first: Slot,
    /// The last slot, included.
    pub last: Slot,
    /// Content from here on is held; 0 for all.
    pub from: TimeMs,
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
    /// What horizons cover, in the order of the peer's log: parents before children, blocks read once.
    Snapshot {
        /// What is wanted; at most [`HORIZONS_MAX`].
        of: Vec<Horizon>,
        /// Where to go on: 0 at first, then what the answer before gave. It means something to this peer alone.
        after: u64,
        /// At most so many bytes, and at most [`ENVELOPES_BYTES_MAX`].
        bytes: u32,
    },
    /// A message of negentropy (version 1) about the points of a range.
    Reconcile {
        /// The slot.
        slot: Slot,
        /// The class.
        class: Class,
        /// The range.
        range: Range,
        /// The message; at most [`RECONCILE_BYTES_MAX`].
        message: Bytes,
    },
}

/// What the peer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncAnswer {
    /// To [`SyncRequest::Digest`].
    Digests {
        /// In the order asked.
        digests: Vec<Digest>,
        /// What the peer covers, ascending; at most [`HORIZONS_MAX`].
        covers: Vec<Horizon>,
    },
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
        /// Of the ids that were asked for, those that are not held (any more). What is neither served nor here was left
        /// out because the answer is full.
        gone: Vec<EnvelopeId>,
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
    /// To [`SyncRequest::Snapshot`].
    Snapshot {
        /// Each as its bytes.
        envelopes: Vec<Bytes>,
        /// Where to go on; `None` when that was all.
        next: Option<u64>,
        /// Of everything that is wanted, both classes together, as the peer holds it now.
        digest: Digest,
    },
    /// To [`SyncRequest::Reconcile`].
    Reconciled(Bytes),
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
