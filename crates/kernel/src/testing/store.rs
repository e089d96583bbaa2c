//! A store in memory: the port's contract, and a crash that takes what was not flushed.

use crate::store::{Batch, Store, StoreError, StoreReader};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tidepool_views::{Cursor, Envelopes, ReadError, Rows, Stored};

type Derived = BTreeMap<Bytes, Bytes>;

#[derive(Debug, Default)]
struct Inner {
    log: BTreeMap<Cursor, Stored>,
    head: Cursor,
    /// Derived and durable rows in one order; the flag says which.
    rows: BTreeMap<Bytes, (Bytes, bool)>,
    durable: Cursor,
    derived_upto: Cursor,
    /// Durable rows as they were at the last flush, where they changed since.
    undo_rows: BTreeMap<Bytes, Option<Bytes>>,
    /// Envelopes that left the log since the last flush.
    undo_erased: Vec<Stored>,
    /// What a crash leaves of the derived rows.
    checkpoint: Option<(Cursor, Derived)>,
    fails: bool,
}

/// The store; clones share what it holds.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<RwLock<Inner>>);

impl MemoryStore {
    fn inner(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn inner_mut(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the derived rows as they are now: what a crash will leave of them.
    pub fn checkpoint(&self) {
        let mut inner = self.inner_mut();
        let rows = inner.rows.iter().filter(|(_, (_, durable))| !durable);
        let derived = rows.map(|(key, (value, _))| (key.clone(), value.clone())).collect();
        inner.checkpoint = Some((inner.derived_upto, derived));
    }

    /// Loses everything that was not flushed, and the derived rows since the last checkpoint.
    pub fn crash(&self) {
        let mut inner = self.inner_mut();
        let durable = inner.durable;
        // What left twice is as it was at first.
        for stored in std::mem::take(&mut inner.undo_erased).into_iter().rev() {
            inner.log.insert(stored.cursor, stored);
        }
        inner.log.retain(|cursor, _| *cursor <= durable);
        inner.head = durable;
        for (key, value) in std::mem::take(&mut inner.undo_rows) {
            match value {
                Some(value) => inner.rows.insert(key, (value, true)),
                None => inner.rows.remove(&key),
            };
        }
        inner.rows.retain(|_, (_, durable)| *durable);
        // A checkpoint is written behind the log: never of what is not durable.
        let checkpoint = inner.checkpoint.take().filter(|(upto, _)| *upto <= durable);
        let (upto, derived) = checkpoint.unwrap_or_default();
        inner.rows.extend(derived.into_iter().map(|(key, value)| (key, (value, false))));
        inner.derived_upto = upto;
    }

    /// Lets every append fail from now on.
    pub fn fail_appends(&self) {
        self.inner_mut().fails = true;
    }

    /// Makes everything appended survive a crash.
    pub fn flush(&self) -> Cursor {
        let mut inner = self.inner_mut();
        inner.durable = inner.head;
        inner.undo_rows.clear();
        inner.undo_erased.clear();
        inner.durable
    }

    /// Every envelope of the log, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Stored> {
        self.inner().log.values().cloned().collect()
    }

    /// Every derived row.
    #[must_use]
    pub fn derived_rows(&self) -> BTreeMap<Bytes, Bytes> {
        let inner = self.inner();
        let rows = inner.rows.iter().filter(|(_, (_, durable))| !durable);
        rows.map(|(key, (value, _))| (key.clone(), value.clone())).collect()
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
        if inner.fails {
            return Err(StoreError::Write { reason: "told to fail".to_owned() });
        }
        let is_complete = inner.derived_upto == inner.head;
        for cursor in batch.erased() {
            inner.undo_erased.extend(inner.log.remove(cursor));
        }
        for stored in batch.stored() {
            let is_in_place = stored.cursor > inner.head || batch.erased().contains(&stored.cursor);
            assert!(is_in_place, "cursors only grow");
            inner.head = inner.head.max(stored.cursor);
            inner.log.insert(stored.cursor, stored.clone());
        }
        for row in batch.derived() {
            match &row.value {
                Some(value) => inner.rows.insert(row.key.clone(), (value.clone(), false)),
                None => inner.rows.remove(&row.key),
            };
        }
        for row in batch.durable() {
            let before = match &row.value {
                Some(value) => inner.rows.insert(row.key.clone(), (value.clone(), true)),
                None => inner.rows.remove(&row.key),
            };
            inner.undo_rows.entry(row.key.clone()).or_insert(before.map(|(value, _)| value));
        }
        if is_complete {
            inner.derived_upto = inner.head;
        }
        Ok(())
    }

    fn clear_derived(&mut self) -> Result<(), StoreError> {
        let mut inner = self.inner_mut();
        inner.rows.retain(|_, (_, durable)| *durable);
        inner.derived_upto = Cursor::START;
        inner.checkpoint = None;
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
