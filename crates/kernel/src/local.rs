//! What the home asks of the kernel on behalf of its agents and of the node itself.

use bytes::Bytes;
use tidepool_protocol::{AuthorId, EnvelopeId, Kind, Scope};
use tidepool_views::{Cursor, ReadError, RowWrite};

/// One local request that waits for its reply; given out by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

impl Ticket {
    /// Of what the kernel does by itself: nobody is answered.
    pub(crate) const NOBODY: Self = Self(u64::MAX);
}

/// An envelope to be signed in custody: the kernel finds its place in the log, its `auth` and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compose {
    /// What it is about.
    pub scope: Scope,
    /// Its kind; not an identity operation.
    pub kind: Kind,
    /// The body in canonical form.
    pub body: Bytes,
}

/// A row that must be as the caller saw it, or the whole request is refused: two requests cannot both take one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowExpect {
    /// The key.
    pub key: Bytes,
    /// What must be there; `None` for nothing.
    pub value: Option<Bytes>,
}

/// A request; all of it happens, durably, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalRequest {
    /// Signs by custody and publishes, in one batch with the home's own rows.
    Compose {
        /// Whose; its current signing key must be in custody.
        author: AuthorId,
        /// What to sign, in order.
        items: Vec<Compose>,
        /// Rows of the home (families 0x90 to 0xbf) that are written with it.
        rows: Vec<RowWrite>,
        /// Rows that must be as the caller saw them.
        expect: Vec<RowExpect>,
    },
    /// Publishes envelopes that were signed elsewhere (a self-signing agent, a genesis made by the home).
    Submit {
        /// Each whole; identity operations before what they allow.
        envelopes: Vec<Bytes>,
        /// Rows of the home that are written with it.
        rows: Vec<RowWrite>,
        /// Rows that must be as the caller saw them.
        expect: Vec<RowExpect>,
    },
    /// Writes rows of the home only.
    Write {
        /// The rows.
        rows: Vec<RowWrite>,
        /// Rows that must be as the caller saw them.
        expect: Vec<RowExpect>,
    },
    /// Asks the network for an identity's chain, and for a way to its home node: for an agent that was only heard of.
    Locate {
        /// Whose.
        author: AuthorId,
    },
}

impl LocalRequest {
    /// The most envelopes of one request.
    pub const ENVELOPES_MAX: usize = 128;
}

/// What was done. It is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The envelopes of the request, in its order; one that was known before keeps its place.
    pub envelopes: Vec<(EnvelopeId, Cursor)>,
}

/// Why a local request was not done; nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// The envelope is not admissible.
    #[error("envelope {index} is refused: {reason}")]
    Refused {
        /// Which of the request.
        index: usize,
        /// Why.
        reason: crate::effect::RefusalReason,
    },
    /// The envelope's place in its log is taken or not next.
    #[error("the log is at another place: next is epoch {epoch}, seq {seq}, prev {prev:?}")]
    Conflict {
        /// The log's epoch.
        epoch: u64,
        /// The next place.
        seq: u64,
        /// The head.
        prev: Option<EnvelopeId>,
    },
    /// A row was not as expected.
    #[error("something else was written there first")]
    Changed {
        /// The key of the row.
        key: Bytes,
    },
    /// The author is not known, or its key is not in custody here.
    #[error("the author's signing key is not in custody on this node")]
    NoKey,
    /// The log has as many envelopes as the network allows it by now.
    #[error("the log holds {seq} envelopes, as many as the network allows by now; next in {retry_after_s} s")]
    Quota {
        /// How many it holds.
        seq: u64,
        /// When there is room for the next, in seconds.
        retry_after_s: u64,
    },
    /// More envelopes than one batch takes.
    #[error("{seen} envelopes in one request, at most {allowed} are allowed")]
    TooMany {
        /// How many there are.
        seen: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// A row that is not the home's to write.
    #[error("a row of family {family:#04x} is not the home's; 0x90 to 0xbf are")]
    Row {
        /// The first byte of its key; 0 when the key is empty.
        family: u8,
    },
    /// Too many requests wait.
    #[error("the node is busy: {waiting} requests wait, {allowed} are allowed")]
    Busy {
        /// How many wait.
        waiting: usize,
        /// How many may.
        allowed: usize,
    },
    /// The node is stopping.
    #[error("the node is shutting down")]
    Stopping,
    /// Nobody that could be reached knows it.
    #[error("not found on the network")]
    NotFound,
    /// The store failed; the node stops.
    #[error(transparent)]
    Read(#[from] ReadError),
}
