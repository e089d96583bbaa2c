//! What a session asks for: one thing each, on a stack.

use super::reconcile::Points;
use crate::digest::Tree;
use bytes::Bytes;
use tidepool_protocol::EnvelopeId;
use tidepool_protocol::digest::SetSum;
use tidepool_protocol::sync::{Class, Digest, ENVELOPES_BYTES_MAX, Horizon, PARTS_MAX, Range, SlotRun, SyncRequest};

/// Ranges of no more than this at the peer are listed by id: 3 KB tell what lacks, in one round trip.
pub(super) const IDS_AT_ONCE: u16 = 64;

/// Rounds of negentropy about one range; then what is left of it begins anew, behind the bound that was reached.
pub(super) const RECONCILE_ROUNDS_MAX: u8 = 8;

/// One thing to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// What both cover, as far as is known: the answer says how a session goes on.
    Root(Vec<SlotRun>),
    /// Digests of parts of it.
    Runs(Vec<SlotRun>),
    /// A range that differs, cut by count.
    Split(Tree, Range),
    /// A range that differs and is small, by negentropy.
    Reconcile(Tree, Range, Talk),
    /// A range that differs and is smaller, by its ids.
    Ids(Tree, Range),
    /// A range of which this node has nothing; what of it is still to come, and what was promised of all of it.
    Page(Tree, Range, Promise),
    /// A range of which less came than was promised: does the peer still promise it?
    Confirm(Tree, Promise),
    /// A peer contradicts itself: unless it covers something else than it did, it lied.
    Convict(Vec<SlotRun>),
    /// Envelopes by their ids, which the peer offered.
    Fetch(Class, Vec<EnvelopeId>),
    /// The peer's log from a cursor on.
    Snapshot(Snapshot),
}

/// A message of negentropy that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Talk {
    pub(super) message: Bytes,
    pub(super) round: u8,
}

/// What a peer said of a range, and what of it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) range: Range,
    pub(super) digest: Digest,
    pub(super) came: SetSum,
}

impl Promise {
    pub(super) fn new(range: Range, digest: Digest) -> Self {
        Self { range, digest, came: SetSum::default() }
    }

    pub(super) const fn is_short(&self) -> bool {
        self.came.count < self.digest.count
    }
}

/// How far a peer's log was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) of: Vec<Horizon>,
    pub(super) after: u64,
    /// The digest that came with the first page, when that began the log, and what came since.
    pub(super) promised: Option<Digest>,
    pub(super) came: SetSum,
}

impl Work {
    pub(super) fn request(&self, page_bytes: u32) -> SyncRequest {
        let bytes = u32::try_from(ENVELOPES_BYTES_MAX).unwrap_or(u32::MAX);
        match self {
            Self::Root(runs) | Self::Runs(runs) | Self::Convict(runs) => SyncRequest::Digest(runs.clone()),
            Self::Split(Tree { slot, class }, range) => {
                SyncRequest::Split { slot: *slot, class: *class, range: *range, parts: PARTS_MAX }
            }
            Self::Reconcile(Tree { slot, class }, range, talk) => {
                SyncRequest::Reconcile { slot: *slot, class: *class, range: *range, message: talk.message.clone() }
            }
            Self::Ids(Tree { slot, class }, range) => {
                SyncRequest::Ids { slot: *slot, class: *class, range: *range, limit: IDS_AT_ONCE }
            }
            Self::Page(Tree { slot, class }, range, _) => {
                SyncRequest::Range { slot: *slot, class: *class, range: *range, bytes }
            }
            Self::Confirm(Tree { slot, class }, promise) => {
                SyncRequest::Split { slot: *slot, class: *class, range: promise.range, parts: 1 }
            }
            Self::Fetch(_, ids) => SyncRequest::Fetch(ids.clone()),
            Self::Snapshot(snapshot) => {
                SyncRequest::Snapshot { of: snapshot.of.clone(), after: snapshot.after, bytes: page_bytes }
            }
        }
    }

    /// Whether its answer holds envelopes, which take time to verify and room to wait in.
    pub(super) const fn brings(&self) -> bool {
        matches!(self, Self::Page(..) | Self::Fetch(..) | Self::Snapshot(_))
    }

    /// What content has to wait for is state: identities come before what is said by them.
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Root(_) | Self::Convict(_) => Class::State,
            Self::Runs(runs) => runs.iter().map(|run| run.class).min().unwrap_or(Class::Content),
            Self::Split(tree, _)
            | Self::Reconcile(tree, ..)
            | Self::Ids(tree, _)
            | Self::Page(tree, ..)
            | Self::Confirm(tree, _) => tree.class,
            Self::Fetch(class, _) => *class,
            // A log holds identities before what is said by them.
            Self::Snapshot(_) => Class::Content,
        }
    }

    /// Whether it is asked when all that was asked before has come and is written: what it compares would differ.
    pub(super) const fn waits_for_all(&self) -> bool {
        matches!(self, Self::Root(_))
    }

    /// Negentropy about a range from its first message on.
    pub(super) fn reconcile(tree: Tree, range: Range, points: &Points) -> Option<Self> {
        let message = points.begin()?.into();
        Some(Self::Reconcile(tree, range, Talk { message, round: 1 }))
    }
}
