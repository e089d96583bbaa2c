//! The writing side: one append is one batch of the engine, and one new moment.

use super::checkpoint;
use super::error::OpenError;
use super::layout::{BLOCKS, META, Meta, Record, block_key, number_of, record_key};
use super::open;
use super::reader::{SledReader, decode_block};
use super::redo;
use super::settings::{OpenSettings, Point};
use super::shared::{Shared, View, Writer, unwritten};
use crate::family::{Parts, check, is_durable};
use crate::layers::Direction;
use crate::log::{Block, Entry, blocks};
use crate::sync::lock;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;
use tidepool_kernel::{Batch, Store, StoreError, StoreReader};
use tidepool_protocol::NetworkId;
use tidepool_views::{Cursor, Envelopes, ReadError, Rows, Stored};

/// A store in a directory. Dropping it makes everything durable and writes a last checkpoint; the directory is free
/// when the last reader is gone too.
pub struct SledStore {
    shared: Arc<Shared>,
    reader: SledReader,
    thread: Option<JoinHandle<()>>,
}

impl SledStore {
    /// Opens or makes the store in `path`.
    ///
    /// # Errors
    /// When the directory is in use, of another network or a newer format, damaged (it is then moved aside), or has lost
    /// batches that were acknowledged.
    pub fn open(path: &Path, settings: &OpenSettings) -> Result<Self, OpenError> {
        let shared = Arc::new(open::open(path, settings)?);
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || checkpoint::run(&for_thread))
            .map_err(OpenError::io(path))?;
        Ok(Self { reader: SledReader::new(Arc::clone(&shared)), shared, thread: Some(thread) })
    }

    /// A handle for readers that can hold on to one moment.
    #[must_use]
    pub fn sled_reader(&self) -> SledReader {
        self.reader.clone()
    }

    /// The newest moment, for one call: rows are copied while it is held.
    fn now(&self) -> View {
        lock(&self.shared.writer).now.clone()
    }

    /// Says that derived rows are missing from the start, as an import does.
    pub(crate) fn lacks_derived(&self) {
        lock(&self.shared.writer).incomplete = Some(Cursor::START);
    }

    /// The number of the last batch.
    pub(crate) fn last_batch(&self) -> u64 {
        lock(&self.shared.writer).batch
    }

    /// The network whose envelopes it holds.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.shared.settings.network
    }

    /// Writes a checkpoint now and waits for it.
    ///
    /// # Errors
    /// When the store has failed.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.shared.wait_for_checkpoint();
        self.shared.want_checkpoint();
        self.shared.wait_for_checkpoint();
        self.shared.check_failure()
    }

    /// Makes everything durable, writes a last checkpoint and lets go.
    ///
    /// # Errors
    /// When the store has failed, before or now.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.stop(false)
    }

    /// Lets go as a crash would: no flush, no checkpoint.
    pub fn abandon(mut self) {
        let _ = self.stop(true);
    }

    fn stop(&mut self, abandoned: bool) -> Result<(), StoreError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        {
            let mut control = lock(&self.shared.control);
            control.stop = true;
            control.abandoned = abandoned;
        }
        self.shared.control_changed.notify_all();
        thread.join().map_err(|_| unwritten("the checkpoint thread died"))?;
        if abandoned {
            return Ok(());
        }
        self.shared.flush()?;
        self.shared.check_failure()
    }

    /// Bytes of the engine's files.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn bytes_on_disk(&self) -> Result<u64, ReadError> {
        self.shared.engine.bytes_on_disk()
    }

    pub(crate) fn append_parts(&self, parts: Parts<'_>) -> Result<(), StoreError> {
        let shared = &self.shared;
        let _alone = lock(&shared.appending);
        shared.check_failure()?;
        self.make_room()?;
        let (before, number) = {
            let writer = lock(&shared.writer);
            (writer.now.head, writer.batch + 1)
        };
        check(parts, before.0).map_err(unwritten)?;
        let (stored, erased) = (parts.stored, parts.erased);
        if parts.is_empty() {
            return Ok(());
        }
        let first_new = stored.partition_point(|stored| stored.cursor <= before);
        let fresh = blocks(stored.iter().skip(first_new).map(Entry::from));
        let rewritten = self.rewrite(erased, stored.get(..first_new).unwrap_or_default())?;
        let head = stored.last().map_or(before, |last| last.cursor.max(before));

        let mut engine_batch = ::sled::Batch::default();
        for block in &fresh {
            put_block(&mut engine_batch, block)?;
        }
        for (first, block) in &rewritten {
            match block {
                Some(block) => put_block(&mut engine_batch, block)?,
                None => engine_batch.remove(&block_key(*first)),
            }
        }
        let record = Record::seal(head, parts.durable).map_err(unwritten)?;
        engine_batch.insert(&record_key(number), record);
        shared.hook(Point::BeforeBatch)?;
        shared.engine.apply(engine_batch).map_err(unwritten)?;
        shared.hook(Point::AfterBatch)?;
        self.refresh_blocks(fresh, rewritten);

        let is_checkpoint_due = {
            let mut writer = lock(&shared.writer);
            for row in parts.derived.iter().chain(parts.durable) {
                writer.now.active.apply(row);
            }
            (writer.batch, writer.now.head) = (number, head);
            writer.active_since.get_or_insert_with(Instant::now);
            shared.outdate();
            self.is_checkpoint_due(&writer)
        };
        shared.flush.appended(number, head);
        if is_checkpoint_due {
            shared.want_checkpoint();
        }
        Ok(())
    }

    /// Refuses to go below the reserve of free space, and waits while too many rows are in memory.
    fn make_room(&self) -> Result<(), StoreError> {
        let settings = &self.shared.settings;
        let free = (settings.free_space.0)(&self.shared.path).map_err(unwritten)?;
        if free < settings.reserve_bytes {
            return Err(StoreError::DiskFull { free, reserve: settings.reserve_bytes });
        }
        let limit = settings.checkpoint.bytes.saturating_mul(2);
        let is_full = {
            let writer = lock(&self.shared.writer);
            writer.incomplete.is_none() && writer.now.active.bytes() >= limit
        };
        if is_full {
            self.shared.wait_for_checkpoint();
            self.shared.check_failure()?;
        }
        Ok(())
    }

    fn is_checkpoint_due(&self, writer: &Writer) -> bool {
        let limits = &self.shared.settings.checkpoint;
        let bytes = writer.now.active.bytes();
        if writer.incomplete.is_some() {
            return bytes >= limits.unfinished_bytes;
        }
        bytes >= limits.bytes
            || writer.now.head.0.saturating_sub(writer.checkpoint_head.0) >= limits.envelopes
            || writer.batch - writer.checkpoint_batch >= limits.batches
    }

    /// Blocks without what is erased, with what replaces it; `None` for a block that is left empty.
    fn rewrite(&self, erased: &[Cursor], replaced: &[Stored]) -> Result<BTreeMap<Cursor, Option<Block>>, StoreError> {
        let mut touched: BTreeMap<Cursor, Vec<Entry>> = BTreeMap::new();
        for &cursor in erased {
            let found = self.shared.engine.at_or_before(&[BLOCKS], &block_key(cursor))?;
            let Some((key, value)) = found else { continue };
            let first = Cursor(number_of(&key).unwrap_or_default());
            let entries = match touched.entry(first) {
                MapEntry::Occupied(known) => known.into_mut(),
                MapEntry::Vacant(new) => new.insert(decode_block(&key, &value)?.entries.clone()),
            };
            let Ok(at) = entries.binary_search_by_key(&cursor, |entry| entry.cursor) else { continue };
            match replaced.iter().find(|stored| stored.cursor == cursor) {
                Some(stored) => entries[at] = Entry::from(stored),
                None => {
                    entries.remove(at);
                }
            }
        }
        let block = |start, entries: Vec<Entry>| (!entries.is_empty()).then(|| Block::new(start, entries));
        Ok(touched.into_iter().map(|(start, entries)| (start, block(start, entries))).collect())
    }

    fn refresh_blocks(&self, fresh: Vec<Block>, rewritten: BTreeMap<Cursor, Option<Block>>) {
        let mut cache = lock(&self.shared.blocks);
        for first in rewritten.into_keys() {
            cache.remove(first);
        }
        for block in fresh {
            // A batch's rows are read at once by streams and feeds.
            cache.replace(&Arc::new(block));
        }
    }
}

fn put_block(batch: &mut ::sled::Batch, block: &Block) -> Result<(), StoreError> {
    batch.insert(&block_key(block.start), block.seal().map_err(unwritten)?);
    Ok(())
}

impl Drop for SledStore {
    fn drop(&mut self) {
        let abandoned = std::thread::panicking() || self.shared.failure.get().is_some();
        if let Err(error) = self.stop(abandoned) {
            tracing::error!(%error, "the store did not close cleanly");
        }
    }
}

impl Store for SledStore {
    fn head(&self) -> Cursor {
        lock(&self.shared.writer).now.head
    }

    fn derived_upto(&self) -> Cursor {
        let writer = lock(&self.shared.writer);
        writer.incomplete.unwrap_or(writer.now.head)
    }

    fn append(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.append_parts(Parts::from(&batch)).map_err(|error| self.shared.fail(error))
    }

    fn clear_derived(&mut self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let _no_append = lock(&shared.appending);
        let _alone = lock(&shared.checkpointing);
        shared.check_failure()?;
        shared.flush()?;
        let mut writer = lock(&shared.writer);
        let mut meta = lock(&shared.meta);
        let cleared = Meta {
            generation: meta.generation.saturating_add(1),
            derived_upto: Cursor::START,
            applying: 0,
            unfinished: 0,
            ..*meta
        };
        let mut batch = ::sled::Batch::default();
        batch.insert(&META, cleared.seal().map_err(unwritten)?);
        let written = shared.engine.apply(batch).map_err(unwritten);
        written.and_then(|()| shared.engine.write_out().map_err(unwritten)).map_err(|error| shared.fail(error))?;
        redo::remove(&shared.path).map_err(|error| shared.fail(unwritten(error)))?;
        *meta = cleared;
        writer.now.active.retain(|key| key.first().is_some_and(|family| is_durable(*family)));
        writer.now.generation = cleared.generation;
        writer.incomplete = Some(Cursor::START).filter(|_| writer.now.head > Cursor::START);
        shared.show(&writer);
        Ok(())
    }

    fn derived_complete(&mut self) -> Result<(), StoreError> {
        self.shared.check_failure()?;
        lock(&self.shared.writer).incomplete = None;
        self.shared.want_checkpoint();
        Ok(())
    }

    fn reader(&self) -> Arc<dyn StoreReader> {
        Arc::new(self.reader.clone())
    }

    fn flusher(&self) -> Arc<dyn Fn() -> Result<Cursor, StoreError> + Send + Sync> {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || shared.flush())
    }
}

impl Rows for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let generation = {
            let now = &lock(&self.shared.writer).now;
            if let Some(value) = now.in_memory(key) {
                return Ok(value.clone());
            }
            now.generation
        };
        self.shared.row_of_pages(generation, key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        self.shared.walk(&self.now(), (from, to), Direction::Up, visit)
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        self.shared.walk(&self.now(), (from, to), Direction::Down, visit)
    }

    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        self.shared.edge(&self.now(), (from, to), Direction::Up)
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        self.shared.edge(&self.now(), (from, to), Direction::Down)
    }
}

impl Envelopes for SledStore {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        self.shared.envelope(Store::head(self), cursor)
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.shared.envelopes(Store::head(self), after, limit)
    }
}
