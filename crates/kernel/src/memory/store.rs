//! A store in memory: the port's contract, flushes that cover what was appended when they began, and crashes that take
//! back what none of them covers.
//!
//! What a crash leaves is its caller's to say: an engine may have written more than it promised, and never a batch in
//! part. Derived rows come back as of a checkpoint, whole, or not at all; [`Store::derived_upto`] says which.

use crate::store::{Batch, Store, StoreError, StoreReader};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tidepool_protocol::TimeMs;
use tidepool_views::{Cursor, Envelopes, ReadError, Rows, Stored};

/// A row's value, and whether it is a durable row, which nothing gives again.
type Value = (Bytes, bool);

/// What takes one batch back.
#[derive(Clone, Debug)]
struct Undo {
    number: u64,
    head: Cursor,
    derived_upto: Cursor,
    rows: Vec<(Bytes, Option<Value>)>,
    stored: Vec<Cursor>,
    erased: Vec<Stored>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    log: BTreeMap<Cursor, Stored>,
    head: Cursor,
    /// Derived and durable rows in one order; the flag says which.
    rows: BTreeMap<Bytes, Value>,
    durable: Cursor,
    derived_upto: Cursor,
    /// Counts batches.
    number: u64,
    /// Batches that no flush has covered, oldest first.
    journal: VecDeque<Undo>,
    checkpoint: Option<(Cursor, BTreeMap<Bytes, Bytes>)>,
    /// Derived rows were dropped since the last flush: what the journal would put back is of another fold.
    cleared: bool,
    fails: bool,
    defect: Option<StoreDefect>,
    /// Where a bit turned.
    rotten: Option<Cursor>,
}

/// How far a flush reaches: fixed when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushPoint {
    number: u64,
    head: Cursor,
}

/// What a crash leaves of the derived rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// All, where they are complete: an engine that writes them with their batch. Else those of the checkpoint.
    Written,
    /// Those of the last checkpoint that holds nothing of what was lost.
    Checkpoint,
    /// None.
    Nothing,
}

/// What a crash took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crash {
    /// Batches that were taken back.
    pub batches_lost: u64,
    /// Envelopes in them.
    pub envelopes_lost: u64,
    /// Batches that survived although no flush had covered them.
    pub batches_kept: u64,
    /// Whether derived rows must be folded again.
    pub refold: bool,
}

/// What a store does wrong on purpose: a suite that does not notice is no suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreDefect {
    /// A flush says that it is done, and nothing of it is.
    FlushIsNone,
    /// After a crash all rows are said to be there that are not.
    DerivedUptoLies,
    /// What leaves the log stays in it.
    ErasedStays,
    /// A crash turns a bit of the last envelope.
    BitRots,
    /// One append of so many is refused although there is room.
    AppendRefused,
}

/// Which append is refused.
const REFUSED_EVERY: u64 = 200;

/// The store; clones share what it holds.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<RwLock<Inner>>);

impl Inner {
    fn put(&mut self, key: Bytes, value: Option<Value>) -> Option<Value> {
        match value {
            Some(value) => self.rows.insert(key, value),
            None => self.rows.remove(&key),
        }
    }

    fn derived(&self) -> BTreeMap<Bytes, Bytes> {
        let rows = self.rows.iter().filter(|(_, (_, durable))| !durable);
        rows.map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }

    fn take_back(&mut self, undo: Undo) -> u64 {
        for cursor in &undo.stored {
            self.log.remove(cursor);
        }
        for (key, value) in undo.rows.into_iter().rev() {
            self.put(key, value);
        }
        for stored in undo.erased {
            self.log.insert(stored.cursor, stored);
        }
        self.head = undo.head;
        self.derived_upto = undo.derived_upto;
        u64::try_from(undo.stored.len()).unwrap_or(u64::MAX)
    }
}

impl MemoryStore {
    /// An empty store with a defect.
    #[must_use]
    pub fn with_defect(defect: StoreDefect) -> Self {
        Self(Arc::new(RwLock::new(Inner { defect: Some(defect), ..Inner::default() })))
    }

    fn inner(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn inner_mut(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of its own of what is durable: a backup, or a directory that somebody copies. Derived rows are folded anew.
    #[must_use]
    pub fn durable_copy(&self) -> Self {
        let copy = Self(Arc::new(RwLock::new(self.inner().clone())));
        copy.mend();
        copy.crash_but(0, Remains::Nothing);
        copy
    }

    /// Leaves the durable row of a restore at `at`: no log goes on from what it brought.
    pub fn mark_restored(&self, at: TimeMs) {
        let mut inner = self.inner_mut();
        let row = crate::restored_row(inner.head, at);
        let value = row.value.map(|value| (value, true));
        inner.put(row.key, value);
    }

    /// Begins a flush of everything appended so far.
    #[must_use]
    pub fn flush_point(&self) -> FlushPoint {
        let inner = self.inner();
        FlushPoint { number: inner.number, head: inner.head }
    }

    /// Ends a flush: what it covers survives a crash from now on.
    pub fn flushed(&self, point: FlushPoint) -> Cursor {
        let mut inner = self.inner_mut();
        if inner.defect != Some(StoreDefect::FlushIsNone) {
            while inner.journal.front().is_some_and(|undo| undo.number <= point.number) {
                inner.journal.pop_front();
            }
        }
        inner.cleared &= !inner.journal.is_empty();
        inner.durable = inner.durable.max(point.head);
        inner.durable
    }

    /// Makes everything appended survive a crash.
    pub fn flush(&self) -> Cursor {
        self.flushed(self.flush_point())
    }

    /// Batches that no flush has covered.
    #[must_use]
    pub fn unflushed(&self) -> usize {
        self.inner().journal.len()
    }

    /// Keeps the derived rows as they are now: what a later crash may leave of them.
    pub fn checkpoint(&self) {
        let mut inner = self.inner_mut();
        inner.checkpoint = Some((inner.derived_upto, inner.derived()));
    }

    /// Loses everything that was not flushed, and the derived rows since the last checkpoint.
    pub fn crash(&self) -> Crash {
        self.crash_but(0, Remains::Checkpoint)
    }

    /// Loses what no flush has covered but the oldest `kept` batches of it, and leaves so much of the derived rows.
    pub fn crash_but(&self, kept: usize, remains: Remains) -> Crash {
        let mut inner = self.inner_mut();
        let inner = &mut *inner;
        let mut crash = Crash::default();
        while inner.journal.len() > kept {
            let Some(undo) = inner.journal.pop_back() else { break };
            crash.batches_lost += 1;
            crash.envelopes_lost += inner.take_back(undo);
        }
        crash.batches_kept = u64::try_from(inner.journal.len()).unwrap_or(u64::MAX);
        if inner.defect == Some(StoreDefect::BitRots) {
            inner.rotten = inner.log.keys().next_back().copied();
        }
        inner.journal.clear();
        inner.durable = inner.head;
        // A checkpoint is written behind the log: never of what is not durable.
        let checkpoint = inner.checkpoint.take().filter(|(upto, _)| *upto <= inner.head);
        let complete = inner.derived_upto == inner.head && !std::mem::take(&mut inner.cleared);
        let (upto, derived) = match remains {
            Remains::Written if complete => return crash,
            Remains::Written | Remains::Checkpoint => checkpoint.unwrap_or_default(),
            Remains::Nothing => Default::default(),
        };
        crash.refold = true;
        inner.rows.retain(|_, (_, durable)| *durable);
        inner.rows.extend(derived.into_iter().map(|(key, value)| (key, (value, false))));
        inner.derived_upto = if inner.defect == Some(StoreDefect::DerivedUptoLies) { inner.head } else { upto };
        crash
    }

    /// Lets every append fail from now on.
    pub fn fail_appends(&self) {
        self.inner_mut().fails = true;
    }

    /// Lets appends succeed again.
    pub fn mend(&self) {
        self.inner_mut().fails = false;
    }

    /// Every envelope of the log, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Stored> {
        self.inner().log.values().cloned().collect()
    }

    /// The bytes of an envelope of the log as they lie on the disk.
    #[must_use]
    pub fn raw(&self, stored: &Stored) -> Bytes {
        let bytes = stored.envelope.bytes();
        if self.inner().rotten != Some(stored.cursor) {
            return bytes.clone();
        }
        // The last byte of the header's signature, or of the body that follows it: nothing that verifies either way.
        let mut rotten = bytes.to_vec();
        if let Some(last) = rotten.last_mut() {
            *last ^= 1;
        }
        rotten.into()
    }

    /// How many envelopes the log holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inner().log.len()
    }

    /// Every derived row.
    #[must_use]
    pub fn derived_rows(&self) -> BTreeMap<Bytes, Bytes> {
        self.inner().derived()
    }

    /// A copy of its own of the log and the durable rows, with nothing derived: what a fold from zero starts from.
    #[must_use]
    pub fn without_derived(&self) -> Self {
        let inner = self.inner();
        let rows = inner.rows.iter().filter(|(_, (_, durable))| *durable);
        Self(Arc::new(RwLock::new(Inner {
            log: inner.log.clone(),
            head: inner.head,
            rows: rows.map(|(key, value)| (key.clone(), value.clone())).collect(),
            durable: inner.durable,
            ..Inner::default()
        })))
    }
}

impl Rows for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        Ok(self.inner().rows.get(key).map(|(value, _)| value.clone()))
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        if from < to {
            let inner = self.inner();
            for (key, (value, _)) in inner.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))) {
                if !visit(key, value) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        if from < to {
            let inner = self.inner();
            for (key, (value, _)) in inner.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))).rev() {
                if !visit(key, value) {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Envelopes for MemoryStore {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        Ok(self.inner().log.get(&cursor).cloned())
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let inner = self.inner();
        let behind = inner.log.range((Bound::Excluded(after), Bound::Unbounded));
        Ok(behind.take(limit).map(|(_, stored)| stored.clone()).collect())
    }
}

impl StoreReader for MemoryStore {
    fn head(&self) -> Cursor {
        self.inner().head
    }

    fn durable(&self) -> Cursor {
        self.inner().durable
    }
}

impl Store for MemoryStore {
    fn head(&self) -> Cursor {
        self.inner().head
    }

    fn derived_upto(&self) -> Cursor {
        self.inner().derived_upto
    }

    fn append(&mut self, batch: Batch) -> Result<(), StoreError> {
        let mut inner = self.inner_mut();
        let inner = &mut *inner;
        let refused = inner.defect == Some(StoreDefect::AppendRefused) && inner.number % REFUSED_EVERY == 1;
        if inner.fails || refused {
            return Err(StoreError::Write { reason: "told to fail".to_owned() });
        }
        for stored in batch.stored() {
            if stored.cursor <= inner.head && !batch.erased().contains(&stored.cursor) {
                let (seen, head) = (stored.cursor.0, inner.head.0);
                return Err(StoreError::Write { reason: format!("cursor {seen} behind {head}: cursors only grow") });
            }
        }
        let is_complete = inner.derived_upto == inner.head;
        inner.number += 1;
        let mut undo = Undo {
            number: inner.number,
            head: inner.head,
            derived_upto: inner.derived_upto,
            rows: Vec::new(),
            stored: Vec::new(),
            erased: Vec::new(),
        };
        if inner.defect != Some(StoreDefect::ErasedStays) {
            for cursor in batch.erased() {
                undo.erased.extend(inner.log.remove(cursor));
            }
        }
        for stored in batch.stored() {
            inner.head = inner.head.max(stored.cursor);
            undo.stored.push(stored.cursor);
            inner.log.insert(stored.cursor, stored.clone());
        }
        let derived = batch.derived().iter().map(|row| (row, false));
        for (row, durable) in derived.chain(batch.durable().iter().map(|row| (row, true))) {
            let value = row.value.clone().map(|value| (value, durable));
            let before = inner.put(row.key.clone(), value);
            undo.rows.push((row.key.clone(), before));
        }
        if is_complete {
            inner.derived_upto = inner.head;
        }
        inner.journal.push_back(undo);
        Ok(())
    }

    fn clear_derived(&mut self) -> Result<(), StoreError> {
        let mut inner = self.inner_mut();
        inner.rows.retain(|_, (_, durable)| *durable);
        inner.derived_upto = Cursor::START;
        inner.checkpoint = None;
        inner.cleared = true;
        Ok(())
    }

    fn derived_complete(&mut self) -> Result<(), StoreError> {
        let mut inner = self.inner_mut();
        inner.derived_upto = inner.head;
        Ok(())
    }

    fn reader(&self) -> Arc<dyn StoreReader> {
        Arc::new(self.clone())
    }

    fn flusher(&self) -> Arc<dyn Fn() -> Result<Cursor, StoreError> + Send + Sync> {
        let store = self.clone();
        Arc::new(move || Ok(store.flush()))
    }
}
