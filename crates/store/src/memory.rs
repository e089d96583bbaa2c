//! The store's contract in its shortest form: persistent maps in memory. A crash is a value: [`MemoryStore::crashed`].

use crate::family::{Parts, check, is_durable};
use crate::layers::{Direction, Memtable, Nothing, walk};
use crate::sync::{lock, read, replace};
use bytes::Bytes;
use imbl::OrdMap;
use std::sync::{Arc, Mutex, RwLock};
use tidepool_kernel::{Batch, Store, StoreError, StoreReader};
use tidepool_views::{Cursor, Envelopes, ReadError, Rows, Stored};

/// Derived rows of at least this many envelopes make a checkpoint at the next flush.
const CHECKPOINT_ENVELOPES: u64 = 256;

/// Everything at one moment. Cloning is O(1).
#[derive(Clone, Default)]
struct State {
    rows: Memtable,
    log: OrdMap<u64, Stored>,
    head: Cursor,
    /// Up to where derived rows are complete; `None` when they are.
    incomplete: Option<Cursor>,
}

impl State {
    fn derived_upto(&self) -> Cursor {
        self.incomplete.unwrap_or(self.head)
    }
}

/// What a crash leaves.
#[derive(Clone, Default)]
struct Survivor {
    /// The state at the last flush: log and durable rows of it survive.
    flushed: State,
    /// The state at the last checkpoint: derived rows of it survive.
    checkpoint: State,
}

#[derive(Default)]
struct Shared {
    visible: RwLock<Arc<State>>,
    survivor: Mutex<Survivor>,
}

/// A store in memory. Durable means what [`MemoryStore::crashed`] keeps.
#[derive(Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    reader: MemoryReader,
}

/// A handle for readers. Each call sees one moment; [`MemoryReader::snapshot`] holds on to it.
#[derive(Clone, Default)]
pub struct MemoryReader {
    shared: Arc<Shared>,
    held: Option<Arc<State>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::of(State::default(), State::default())
    }

    fn of(flushed: State, checkpoint: State) -> Self {
        let shared = Arc::new(Shared {
            visible: RwLock::new(Arc::new(flushed.clone())),
            survivor: Mutex::new(Survivor { flushed, checkpoint }),
        });
        Self { reader: MemoryReader { shared: Arc::clone(&shared), held: None }, shared }
    }

    /// The store as a crash at this moment leaves it: log and durable rows as they were at the last flush, derived rows
    /// as they were at the last checkpoint, which is up to 256 envelopes older.
    #[must_use]
    pub fn crashed(&self) -> Self {
        let Survivor { flushed, checkpoint } = lock(&self.shared.survivor).clone();
        let mut state = State { incomplete: Some(checkpoint.derived_upto()), ..flushed };
        state.rows.retain(|key| key.first().is_some_and(|family| is_durable(*family)));
        for (key, value) in checkpoint.rows.iter() {
            if !key.first().is_some_and(|family| is_durable(*family)) {
                state.rows.set(key.clone(), value.clone());
            }
        }
        if state.incomplete == Some(state.head) {
            state.incomplete = None;
        }
        Self::of(state, checkpoint)
    }

    fn state(&self) -> Arc<State> {
        read(&self.shared.visible)
    }

    fn publish(&self, state: State) {
        let state = Arc::new(state);
        replace(&self.shared.visible, state);
    }
}

impl Shared {
    fn flush(&self) -> Cursor {
        let state = read(&self.visible);
        let mut survivor = lock(&self.survivor);
        if state.head >= survivor.flushed.head {
            survivor.flushed = (*state).clone();
        }
        let grown = state.head.0.saturating_sub(survivor.checkpoint.head.0);
        if state.incomplete.is_none() && grown >= CHECKPOINT_ENVELOPES {
            survivor.checkpoint = (*state).clone();
        }
        survivor.flushed.head
    }
}

impl Store for MemoryStore {
    fn head(&self) -> Cursor {
        self.state().head
    }

    fn derived_upto(&self) -> Cursor {
        self.state().derived_upto()
    }

    fn append(&mut self, batch: Batch) -> Result<(), StoreError> {
        let mut state = (*self.state()).clone();
        check(Parts::from(&batch), state.head.0).map_err(|error| StoreError::Write { reason: error.to_string() })?;
        for row in batch.derived().iter().chain(batch.durable()) {
            match row.value {
                Some(_) => state.rows.apply(row),
                None => state.rows.remove(&row.key),
            }
        }
        for cursor in batch.erased() {
            state.log.remove(&cursor.0);
        }
        for stored in batch.stored() {
            state.log.insert(stored.cursor.0, stored.clone());
            state.head = state.head.max(stored.cursor);
        }
        self.publish(state);
        Ok(())
    }

    fn clear_derived(&mut self) -> Result<(), StoreError> {
        let mut state = (*self.state()).clone();
        state.rows.retain(|key| key.first().is_some_and(|family| is_durable(*family)));
        state.incomplete = Some(Cursor::START).filter(|_| state.head > Cursor::START);
        lock(&self.shared.survivor).checkpoint = State::default();
        self.publish(state);
        Ok(())
    }

    fn derived_complete(&mut self) -> Result<(), StoreError> {
        let state = State { incomplete: None, ..(*self.state()).clone() };
        self.publish(state);
        Ok(())
    }

    fn reader(&self) -> Arc<dyn StoreReader> {
        Arc::new(self.reader.clone())
    }

    fn flusher(&self) -> Arc<dyn Fn() -> Result<Cursor, StoreError> + Send + Sync> {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || Ok(shared.flush()))
    }
}

impl MemoryReader {
    /// A handle that goes on seeing what is visible now.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), held: Some(self.state()) }
    }

    fn state(&self) -> Arc<State> {
        self.held.clone().unwrap_or_else(|| read(&self.shared.visible))
    }
}

impl StoreReader for MemoryReader {
    fn head(&self) -> Cursor {
        self.state().head
    }

    fn durable(&self) -> Cursor {
        lock(&self.shared.survivor).flushed.head
    }
}

impl Rows for MemoryReader {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        Ok(self.state().rows.get(key).cloned().flatten())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        let state = self.state();
        walk([Some(&state.rows), None], &mut Nothing, (from, to), Direction::Up, visit).map(|_| ())
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        let state = self.state();
        walk([Some(&state.rows), None], &mut Nothing, (from, to), Direction::Down, visit).map(|_| ())
    }
}

impl Envelopes for MemoryReader {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        Ok(self.state().log.get(&cursor.0).cloned())
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let state = self.state();
        let above = state.log.range((std::ops::Bound::Excluded(after.0), std::ops::Bound::Unbounded));
        Ok(above.take(limit).map(|(_, stored)| stored.clone()).collect())
    }
}

impl Rows for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        self.reader.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        self.reader.scan(from, to, visit)
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        self.reader.scan_back(from, to, visit)
    }
}

impl Envelopes for MemoryStore {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        self.reader.stored(cursor)
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.reader.stored_after(after, limit)
    }
}
