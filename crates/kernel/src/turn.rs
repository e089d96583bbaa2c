//! The open batch, and what may only be said once it is durable.
//!
//! One batch is open at a time. It is appended at the end of a turn, or when it is full. One flush is under way at a
//! time: what is appended meanwhile shares the next one (group commit). What was promised in a batch is said when the
//! flush that covers it is answered, never before.

use crate::bundler::Announce;
use crate::effect::Effect;
use crate::store::{Batch, Store, StoreError};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_views::overlay::Pending;
use tidepool_views::{Cursor, Overlay, ReadError, RowWrite, Stored};

/// A batch is written after so many inputs although the turn has not ended: under a flood it never would.
const INPUTS_MAX: usize = 256;

/// What waits for the disk.
#[derive(Debug)]
pub(crate) enum Speech {
    /// Said as it is.
    Effect(Effect),
    /// Put into a bundle.
    Announce(Announce),
}

/// The open batch and the promises of those before it.
#[derive(Default)]
pub(crate) struct Turn {
    pending: Pending,
    durable_rows: BTreeMap<Bytes, Option<Bytes>>,
    erased: Vec<Cursor>,
    /// Envelopes that stand in the log already and are written over: they lose their bodies.
    replaced: Vec<Stored>,
    /// Rows that may wait for a batch that is written anyway.
    lazy: Vec<RowWrite>,
    /// The last cursor that was given out.
    head: Cursor,
    /// Inputs since the open batch began.
    inputs: usize,
    open: Vec<Speech>,
    appended: Vec<Speech>,
    flushing: Option<Vec<Speech>>,
    /// Whether something was appended that no flush under way covers.
    dirty: bool,
    /// Up to here everything survives a crash.
    durable: Cursor,
}

impl Turn {
    /// Nothing open behind `head`.
    pub(crate) fn new(head: Cursor) -> Self {
        Self { head, durable: head, ..Self::default() }
    }

    /// Runs `work` on the store with the open batch over it.
    pub(crate) fn overlay<'a, S: Store, T>(&mut self, store: &'a S, work: impl FnOnce(&mut Overlay<'a>) -> T) -> T {
        let mut overlay = Overlay::new(store, std::mem::take(&mut self.pending));
        let result = work(&mut overlay);
        self.pending = overlay.into_pending();
        result
    }

    /// The cursor for the next envelope.
    pub(crate) fn next_cursor(&mut self) -> Cursor {
        self.head = self.head.next();
        self.head
    }

    /// The last cursor that was given out.
    pub(crate) const fn last_cursor(&self) -> Cursor {
        self.head
    }

    /// Up to here everything survives a crash.
    pub(crate) const fn durable(&self) -> Cursor {
        self.durable
    }

    /// How many envelopes still fit into the open batch.
    pub(crate) fn room(&self) -> usize {
        Batch::ENVELOPES_MAX.saturating_sub(self.pending.envelope_count())
    }

    /// Sets or takes away a row that nothing gives again.
    pub(crate) fn write(&mut self, row: RowWrite) {
        self.durable_rows.insert(row.key, row.value);
    }

    /// Sets or takes away a durable row when a batch is written anyway.
    pub(crate) fn write_lazily(&mut self, row: RowWrite) {
        self.lazy.push(row);
    }

    /// The same for several.
    pub(crate) fn write_all_lazily(&mut self, rows: Vec<RowWrite>) {
        self.lazy.extend(rows);
    }

    /// What may wait waits no longer.
    pub(crate) fn settle(&mut self) {
        for row in std::mem::take(&mut self.lazy) {
            self.write(row);
        }
    }

    /// Takes what folding wrote, without envelopes: for recovery, when they are in the log already.
    pub(crate) fn take_derived(&mut self) -> (Vec<RowWrite>, Vec<Cursor>) {
        (std::mem::take(&mut self.pending).into_parts().0, std::mem::take(&mut self.erased))
    }

    /// A durable row as the open batch leaves it.
    pub(crate) fn row<S: Store>(&self, store: &S, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        match self.durable_rows.get(key) {
            Some(value) => Ok(value.clone()),
            None => store.get(key),
        }
    }

    /// Lets an envelope leave the log.
    pub(crate) fn erase(&mut self, cursor: Cursor) {
        self.erased.push(cursor);
    }

    /// Lets envelopes of the log be written over, each at its place. The open batch holds none of them.
    pub(crate) fn replace(&mut self, stored: Vec<Stored>) {
        self.replaced.extend(stored);
    }

    /// Whether the open batch holds anything.
    pub(crate) fn has_open(&self) -> bool {
        let is_empty = self.pending.is_empty() && self.durable_rows.is_empty();
        !(is_empty && self.erased.is_empty() && self.replaced.is_empty())
    }

    /// Whether nothing is promised of the open batch: nobody waits for it.
    pub(crate) const fn is_unpromised(&self) -> bool {
        self.open.is_empty()
    }

    /// Says `speech` once everything that was written so far is durable; `Some` when that is now.
    pub(crate) fn speak(&mut self, speech: Speech) -> Option<Speech> {
        if self.has_open() {
            self.open.push(speech);
        } else if self.dirty {
            self.appended.push(speech);
        } else if let Some(waiting) = &mut self.flushing {
            waiting.push(speech);
        } else {
            return Some(speech);
        }
        None
    }

    /// Appends the open batch. Returns whether a flush must be asked for.
    pub(crate) fn close<S: Store>(&mut self, store: &mut S) -> Result<bool, StoreError> {
        if self.has_open() {
            let (derived, mut stored) = std::mem::take(&mut self.pending).into_parts();
            // What came and left within this batch never reaches the log.
            let mut erased = std::mem::take(&mut self.erased);
            if !erased.is_empty() {
                let fresh: BTreeSet<Cursor> = stored.iter().map(|stored| stored.cursor).collect();
                stored.retain(|stored| !erased.contains(&stored.cursor));
                erased.retain(|cursor| !fresh.contains(cursor));
            }
            if !self.replaced.is_empty() {
                let mut replaced = std::mem::take(&mut self.replaced);
                replaced.sort_by_key(|stored| stored.cursor);
                erased.extend(replaced.iter().map(|stored| stored.cursor));
                replaced.append(&mut stored);
                stored = replaced;
            }
            self.inputs = 0;
            self.settle();
            let durable = std::mem::take(&mut self.durable_rows);
            let durable = durable.into_iter().map(|(key, value)| RowWrite { key, value }).collect();
            store.append(Batch::new(stored, derived, durable, erased))?;
            self.appended.append(&mut self.open);
            self.dirty = true;
        }
        Ok(self.flush())
    }

    /// Whether a flush is under way.
    pub(crate) const fn is_flushing(&self) -> bool {
        self.flushing.is_some()
    }

    /// Counts an input; whether the open batch has waited for as many as it may, and may be written.
    pub(crate) fn is_due(&mut self) -> bool {
        if !self.has_open() {
            self.inputs = 0;
            return false;
        }
        self.inputs += 1;
        self.inputs > INPUTS_MAX && self.flushing.is_none()
    }

    fn flush(&mut self) -> bool {
        if self.flushing.is_some() || !self.dirty {
            return false;
        }
        self.dirty = false;
        self.flushing = Some(std::mem::take(&mut self.appended));
        true
    }

    /// Takes the answer to a flush: what may be said now, and whether another flush must be asked for.
    pub(crate) fn flushed(&mut self, upto: Cursor) -> (Vec<Speech>, bool) {
        let said = self.flushing.take().unwrap_or_default();
        self.durable = self.durable.max(upto);
        (said, self.flush())
    }

    /// Whether anything is unsaid: an open batch, or one that is not durable yet.
    pub(crate) fn is_idle(&self) -> bool {
        !self.has_open() && !self.dirty && self.flushing.is_none()
    }
}
