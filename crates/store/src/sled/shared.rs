//! What the writer, the readers, the flusher and the checkpoint thread of one store share.

use super::cache::BlockCache;
use super::engine::{Engine, suspect_path};
use super::flush::Flush;
use super::layout::{Meta, Space};
use super::marker::Marker;
use super::settings::{OpenSettings, Point};
use super::spans::Spans;
use crate::layers::Memtable;
use crate::sync::{lock, read, replace};
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, RwLock};
use std::time::Instant;
use tidepool_kernel::StoreError;
use tidepool_views::{Cursor, ReadError};

/// One moment: rows in memory above the pages, and how far the log goes. Cloning is O(1), but as long as a clone lives the
/// writer copies each part of the rows that it touches for the first time.
#[derive(Clone)]
pub(crate) struct View {
    /// Rows since the last checkpoint began.
    pub(crate) active: Memtable,
    /// Rows of the checkpoint that is under way.
    pub(crate) frozen: Option<Memtable>,
    pub(crate) generation: u32,
    pub(crate) head: Cursor,
}

impl View {
    pub(crate) fn space(&self, durable: bool) -> Space {
        if durable { Space::Durable } else { Space::Derived(self.generation) }
    }

    /// What the rows in memory say of `key`; `None` when the pages know.
    pub(crate) fn in_memory(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        self.active.get(key).or_else(|| self.frozen.as_ref().and_then(|frozen| frozen.get(key)))
    }
}

/// The writing side's own state. Its lock is held for as long as rows in memory change hands, never while a disk is asked.
pub(crate) struct Writer {
    /// The newest moment, which the writing side itself reads.
    pub(crate) now: View,
    pub(crate) batch: u64,
    /// Up to where derived rows are complete; `None` when they are up to the head.
    pub(crate) incomplete: Option<Cursor>,
    /// Head and batch when the last checkpoint began.
    pub(crate) checkpoint_head: Cursor,
    pub(crate) checkpoint_batch: u64,
    /// When the oldest row in `active` came.
    pub(crate) active_since: Option<Instant>,
}

/// What the checkpoint thread is told, and says.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) wanted: bool,
    pub(crate) running: bool,
    pub(crate) stop: bool,
    /// Stop without a last checkpoint, as a crash would.
    pub(crate) abandoned: bool,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    /// The store's directory.
    pub(crate) path: PathBuf,
    pub(crate) settings: OpenSettings,
    /// The moment that readers were last shown, and whether it is the newest. It is made when somebody reads: while only
    /// the writing side does, its rows are nobody else's, and nothing is copied.
    shown: RwLock<Arc<View>>,
    is_shown_newest: AtomicBool,
    pub(crate) writer: Mutex<Writer>,
    /// Held for one append.
    pub(crate) appending: Mutex<()>,
    pub(crate) meta: Mutex<Meta>,
    pub(crate) blocks: Mutex<BlockCache>,
    pub(crate) pages: Spans,
    pub(crate) flush: Flush,
    pub(crate) marker: Mutex<Marker>,
    /// Held while a checkpoint is made or derived rows are cleared: both write [`Meta`]. Taken before every other lock but
    /// `appending`.
    pub(crate) checkpointing: Mutex<()>,
    pub(crate) control: Mutex<Control>,
    pub(crate) control_changed: Condvar,
    /// The first failure. Nothing is written after it.
    pub(crate) failure: OnceLock<StoreError>,
}

impl Shared {
    pub(crate) fn new(
        engine: Engine,
        path: PathBuf,
        settings: OpenSettings,
        (marker, meta, writer): (Marker, Meta, Writer),
    ) -> Self {
        Self {
            engine,
            path,
            shown: RwLock::new(Arc::new(writer.now.clone())),
            is_shown_newest: AtomicBool::new(true),
            flush: Flush::new(writer.batch, writer.now.head),
            writer: Mutex::new(writer),
            appending: Mutex::default(),
            meta: Mutex::new(meta),
            blocks: Mutex::new(BlockCache::new(settings.block_cache_bytes)),
            pages: Spans::new(settings.page_cache_bytes),
            marker: Mutex::new(marker),
            checkpointing: Mutex::default(),
            control: Mutex::default(),
            control_changed: Condvar::new(),
            failure: OnceLock::new(),
            settings,
        }
    }

    /// The newest moment, for readers.
    pub(crate) fn view(&self) -> Arc<View> {
        if self.is_shown_newest.load(Ordering::Acquire) {
            return read(&self.shown);
        }
        self.show(&lock(&self.writer))
    }

    /// Shows readers the newest moment.
    pub(crate) fn show(&self, writer: &Writer) -> Arc<View> {
        let newest = Arc::new(writer.now.clone());
        replace(&self.shown, Arc::clone(&newest));
        self.is_shown_newest.store(true, Ordering::Release);
        newest
    }

    /// There is a newer moment than the one that readers were shown. Whoever changes `writer.now` says so before it lets
    /// go of the lock.
    pub(crate) fn outdate(&self) {
        self.is_shown_newest.store(false, Ordering::Release);
    }

    pub(crate) fn hook(&self, point: Point) -> Result<(), StoreError> {
        match &self.settings.hook {
            Some(hook) => (hook.0)(point).map_err(|reason| StoreError::Write { reason }),
            None => Ok(()),
        }
    }

    /// Notes that something could not be read back. The next start reads everything: it puts a store aside of which more
    /// than derived rows is damaged, and computes those anew otherwise. Whoever serves from the store is told to stop.
    pub(crate) fn suspect(&self, error: ReadError) -> ReadError {
        if let Err(second) = std::fs::write(suspect_path(&self.path), &error.reason) {
            tracing::error!(error = %second, "could not note that the store is damaged");
        }
        tracing::error!(%error, "damaged; the next start finds out how far");
        self.alarm(&StoreError::Read(error.clone()));
        error
    }

    fn alarm(&self, error: &StoreError) {
        if let Some(alarm) = &self.settings.alarm {
            (alarm.0)(error.clone());
        }
    }

    /// Remembers a failure, for everybody who would write.
    pub(crate) fn fail(&self, error: StoreError) -> StoreError {
        if self.failure.set(error.clone()).is_ok() {
            match &error {
                StoreError::Read(unread) => drop(self.suspect(unread.clone())),
                StoreError::Write { .. } | StoreError::DiskFull { .. } => self.alarm(&error),
            }
        }
        error
    }

    pub(crate) fn check_failure(&self) -> Result<(), StoreError> {
        match self.failure.get() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

/// A failure of the engine or of a file while writing.
pub(crate) fn unwritten(error: impl std::fmt::Display) -> StoreError {
    StoreError::Write { reason: error.to_string() }
}
