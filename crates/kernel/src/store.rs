//! The store port: an ordered key space and the log of envelopes, written by one kernel thread, read by many.
//!
//! *Durable rows* and envelopes are on disk before anything that depends on them is spoken: `append` makes a batch
//! visible, the flusher ([`Store::flusher`]) makes everything appended so far survive a crash. *Derived rows* (all that
//! views and kernel compute from envelopes) may be kept in memory and written at checkpoints: after a crash
//! [`Store::derived_upto`] says from where the kernel must fold again.

use std::sync::Arc;
use tidepool_views::{Cursor, ReadError, ReadPort, RowWrite, Stored};

/// What one turn of the kernel writes, all or nothing. Only this crate makes one.
#[derive(Debug, Default)]
pub struct Batch {
    stored: Vec<Stored>,
    derived: Vec<RowWrite>,
    durable: Vec<RowWrite>,
    erased: Vec<Cursor>,
}

impl Batch {
    /// At most this many envelopes go into one batch: readers stall while an engine applies it, for some 5 ms when it is full.
    /// A full one, as a sync makes it, writes fewer rows for each envelope: a row that many envelopes change is written once.
    pub const ENVELOPES_MAX: usize = 512;

    /// A batch of admitted envelopes in the order of their cursors, rows computed from envelopes, rows that cannot be
    /// computed again, and the cursors of envelopes that leave the log (evicted at their position) or lose their body.
    pub(crate) fn new(
        stored: Vec<Stored>,
        derived: Vec<RowWrite>,
        durable: Vec<RowWrite>,
        erased: Vec<Cursor>,
    ) -> Self {
        Self { stored, derived, durable, erased }
    }

    /// The same from any parts, for the store contract's suite and benchmarks only.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn for_test(stored: Vec<Stored>, derived: Vec<RowWrite>, durable: Vec<RowWrite>, erased: Vec<Cursor>) -> Self {
        Self::new(stored, derived, durable, erased)
    }

    /// Envelopes for the log, in the order of their cursors, each behind all that the store holds.
    #[must_use]
    pub fn stored(&self) -> &[Stored] {
        &self.stored
    }

    /// Rows that folding the log gives again.
    #[must_use]
    pub fn derived(&self) -> &[RowWrite] {
        &self.derived
    }

    /// Rows that nothing gives again: keys, custody, outbox.
    #[must_use]
    pub fn durable(&self) -> &[RowWrite] {
        &self.durable
    }

    /// Envelopes that leave the log.
    #[must_use]
    pub fn erased(&self) -> &[Cursor] {
        &self.erased
    }
}

/// What a store could not do. A failed write or flush is final: the node stops, and recovers at its next start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A batch was not written, or a flush failed. Nothing more is taken.
    #[error("the store cannot be written: {reason}")]
    Write {
        /// What the engine said.
        reason: String,
    },
    /// The reserve of free space is reached; nothing was written.
    #[error(
        "{free} bytes are free in the data directory, {reserve} are kept in reserve; free some space and start again"
    )]
    DiskFull {
        /// Free bytes.
        free: u64,
        /// The reserve in bytes.
        reserve: u64,
    },
}

/// A handle on the store for readers on any thread.
pub trait StoreReader: ReadPort + Send + Sync {
    /// The cursor of the last envelope that is visible.
    fn head(&self) -> Cursor;

    /// The cursor up to which everything survives a crash.
    fn durable(&self) -> Cursor;
}

/// The writing side; owned by the kernel thread.
pub trait Store: ReadPort {
    /// The cursor of the last envelope in the log.
    fn head(&self) -> Cursor;

    /// The cursor up to which derived rows are complete. Below [`Store::head`] only after a crash.
    fn derived_upto(&self) -> Cursor;

    /// Makes `batch` visible, atomically. It is not durable yet.
    ///
    /// # Errors
    /// When the engine fails or the disk's reserve is reached. Then nothing of the batch is visible, and nothing more is taken.
    fn append(&mut self, batch: Batch) -> Result<(), StoreError>;

    /// Drops every derived row, so that the kernel folds from the start (`tidepool reindex`).
    ///
    /// # Errors
    /// When the engine fails.
    fn clear_derived(&mut self) -> Result<(), StoreError>;

    /// Says that derived rows are complete up to the head: called when a fold after a crash or a clear is done.
    ///
    /// # Errors
    /// When the engine fails.
    fn derived_complete(&mut self) -> Result<(), StoreError>;

    /// A handle for readers.
    fn reader(&self) -> Arc<dyn StoreReader>;

    /// A handle that makes everything appended so far durable, on any thread; returns the cursor up to which it is.
    /// The driver calls it for [`crate::Effect::Flush`] and answers with [`crate::Input::Durable`].
    fn flusher(&self) -> Arc<dyn Fn() -> Result<Cursor, StoreError> + Send + Sync>;
}
