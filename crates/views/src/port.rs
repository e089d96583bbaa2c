//! What the views read: rows of one ordered key space, and the envelopes of the log.
//!
//! Keys start with one byte that names their family. 0x10 to 0x5f belong to the views, 0x60 to 0x8f to the kernel,
//! 0x90 to 0xbf to the home; a store keeps what is its own (the log's blocks, its markers) below 0x10.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidepool_protocol::{Envelope, PublicKey, TimeMs, Verified};

/// The place of an envelope in one node's log: counts from 1, never used twice, says nothing to other nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub u64);

impl Cursor {
    /// Before the first envelope.
    pub const START: Self = Self(0);

    /// The place behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// How an envelope came to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// An agent at home here, or the node itself.
    Local,
    /// The peer that sent it first, by gossip or sync.
    Peer(PublicKey),
}

/// An admitted envelope as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its place in this node's log.
    pub cursor: Cursor,
    /// When this node admitted it, by this node's clock. Shown to operators; no view's answer depends on it.
    pub received_ms: TimeMs,
    /// How it came.
    pub origin: Origin,
    /// The envelope.
    pub envelope: Verified<Envelope>,
}

/// One change of the key space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowWrite {
    /// The whole key.
    pub key: Bytes,
    /// The new value; `None` takes the row away.
    pub value: Option<Bytes>,
}

/// The store could not be read. The node stops: what it would go on with is not known to be true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be read: {reason}")]
pub struct ReadError {
    /// What the engine, or the reader of a row, said.
    pub reason: String,
}

/// Rows of one ordered key space.
pub trait Rows {
    /// The value at `key`.
    ///
    /// # Errors
    /// When the engine fails.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError>;

    /// Visits the rows with `from <= key < to` in ascending order until `visit` returns `false`.
    ///
    /// # Errors
    /// When the engine fails.
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError>;

    /// The same in descending order, from the last key below `to` down to `from`.
    ///
    /// # Errors
    /// When the engine fails.
    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError>;

    /// The first row with `from <= key < to`. Stores that can find it without a walk do.
    ///
    /// # Errors
    /// When the engine fails.
    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        first_of_walk(self, from, to)
    }

    /// The last row with `from <= key < to`, likewise.
    ///
    /// # Errors
    /// When the engine fails.
    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        last_of_walk(self, from, to)
    }
}

/// [`Rows::first`] by a walk.
///
/// # Errors
/// When the engine fails.
pub fn first_of_walk<R: Rows + ?Sized>(rows: &R, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
    let mut found = None;
    rows.scan(from, to, &mut |key, value| {
        found = Some((Bytes::copy_from_slice(key), value.clone()));
        false
    })?;
    Ok(found)
}

/// [`Rows::last`] by a walk.
///
/// # Errors
/// When the engine fails.
pub fn last_of_walk<R: Rows + ?Sized>(rows: &R, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
    let mut found = None;
    rows.scan_back(from, to, &mut |key, value| {
        found = Some((Bytes::copy_from_slice(key), value.clone()));
        false
    })?;
    Ok(found)
}

/// The envelopes of the log.
pub trait Envelopes {
    /// The envelope at `cursor`; `None` when nothing was ever there or it was evicted.
    ///
    /// # Errors
    /// When the engine fails.
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError>;

    /// Up to `limit` envelopes behind `after`, in order.
    ///
    /// # Errors
    /// When the engine fails.
    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError>;
}

/// What a query or a fold reads.
pub trait ReadPort: Rows + Envelopes {}

impl<T: Rows + Envelopes + ?Sized> ReadPort for T {}
