//! Reading on any thread: no lock is held while a caller's `visit` runs, and one call sees one moment.

use super::layout::{BLOCKS, Space, block_key, number_of};
use super::shared::{Shared, View};
use super::spans::PageWalk;
use crate::family::{Zone, is_durable, zones};
use crate::layers::{Direction, Ground, walk};
use crate::log::Block;
use crate::sync::lock;
use bytes::Bytes;
use std::ops::Bound;
use std::sync::Arc;
use tidepool_kernel::StoreReader;
use tidepool_views::{Cursor, Envelopes, ReadError, Rows, Stored};

/// A handle for readers. Each call sees the newest state; [`SledReader::snapshot`] holds on to one for a whole query.
#[derive(Clone)]
pub struct SledReader {
    shared: Arc<Shared>,
    held: Option<Arc<View>>,
}

impl SledReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, held: None }
    }

    /// A handle that goes on seeing what is visible now. It is meant for one query: rows that a later checkpoint packs
    /// into pages show through it.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), held: Some(self.view()) }
    }

    /// Runs `read` on what is visible now, rows and head, while no checkpoint packs later rows into pages. Writers go on,
    /// until they would hold more in memory than they may.
    pub(crate) fn at_one_moment<T, E>(&self, read: impl FnOnce(&Self, Cursor) -> Result<T, E>) -> Result<T, E> {
        let _no_checkpoint = lock(&self.shared.checkpointing);
        let moment = self.snapshot();
        let head = moment.view().head;
        read(&moment, head)
    }

    fn view(&self) -> Arc<View> {
        self.held.clone().unwrap_or_else(|| self.shared.view())
    }
}

/// Reads as of a moment. What cannot be read back is noted as damage.
impl Shared {
    pub(crate) fn row(&self, view: &View, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        match view.in_memory(key) {
            Some(value) => Ok(value.clone()),
            None => self.row_of_pages(view.generation, key),
        }
    }

    /// The row as the pages have it.
    pub(crate) fn row_of_pages(&self, generation: u32, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let Some(family) = key.first() else { return Ok(None) };
        let space = if is_durable(*family) { Space::Durable } else { Space::Derived(generation) };
        self.pages.get(&self.engine, space, key).map_err(|error| self.suspect(error))
    }

    pub(crate) fn walk(
        &self,
        view: &View,
        (from, to): (&[u8], &[u8]),
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> bool,
    ) -> Result<(), ReadError> {
        let memtables = [Some(&view.active), view.frozen.as_ref()];
        let mut step = |(durable, from, to): Zone<'_>| {
            let pages = (&self.engine, &self.pages);
            let mut ground = PageWalk::new(pages, view.space(durable), (from, to), direction);
            walk(memtables, &mut ground, (from, to), direction, visit)
        };
        let mut zones = zones(from, to);
        while let Some(zone) = match direction {
            Direction::Up => zones.next(),
            Direction::Down => zones.next_back(),
        } {
            if !step(zone).map_err(|error| self.suspect(error))? {
                break;
            }
        }
        Ok(())
    }

    /// The row that a walk in `direction` comes to first: each layer is asked once. Where the first is a row that was taken
    /// away, or families of both kinds lie in the range, it takes a walk.
    pub(crate) fn edge(
        &self,
        view: &View,
        (from, to): (&[u8], &[u8]),
        direction: Direction,
    ) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        let Some(family) = from.first().filter(|family| to.first() == Some(family)) else {
            return self.edge_of_walk(view, (from, to), direction);
        };
        let upper = view.active.edge((from, to), direction);
        let lower = view.frozen.as_ref().and_then(|frozen| frozen.edge((from, to), direction));
        let memory = match (upper, lower) {
            (Some(upper), Some(lower)) if direction.is_first(lower.0, upper.0) => Some(lower),
            (upper, lower) => upper.or(lower),
        };
        let pages = (&self.engine, &self.pages);
        let mut ground = PageWalk::new(pages, view.space(is_durable(*family)), (from, to), direction);
        let below = ground.peek().map_err(|error| self.suspect(error))?;
        match (memory, below) {
            (Some((key, _)), Some((lowest, value))) if direction.is_first(lowest, key) => {
                Ok(Some((Bytes::copy_from_slice(lowest), value.clone())))
            }
            (Some((key, Some(value))), _) => Ok(Some((key.clone(), value.clone()))),
            (Some((_, None)), _) => self.edge_of_walk(view, (from, to), direction),
            (None, Some((lowest, value))) => Ok(Some((Bytes::copy_from_slice(lowest), value.clone()))),
            (None, None) => Ok(None),
        }
    }

    fn edge_of_walk(
        &self,
        view: &View,
        range: (&[u8], &[u8]),
        direction: Direction,
    ) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        let mut found = None;
        self.walk(view, range, direction, &mut |key, value| {
            found = Some((Bytes::copy_from_slice(key), value.clone()));
            false
        })?;
        Ok(found)
    }

    /// The envelope at `cursor`, if the log goes up to `head`.
    pub(crate) fn envelope(&self, head: Cursor, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        self.read_one(head, cursor).map_err(|error| self.suspect(error))
    }

    /// Up to `limit` envelopes behind `after`, if the log goes up to `head`.
    pub(crate) fn envelopes(&self, head: Cursor, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.read_after(head, after, limit).map_err(|error| self.suspect(error))
    }

    /// The block in which `cursor` lies or would lie.
    fn block_around(&self, cursor: Cursor) -> Result<Option<Arc<Block>>, ReadError> {
        let age = {
            let mut cache = lock(&self.blocks);
            if let Some(block) = cache.around(cursor) {
                return Ok(Some(block));
            }
            cache.age()
        };
        let found = self.engine.at_or_before(&[BLOCKS], &block_key(cursor))?;
        let Some((key, value)) = found else { return Ok(None) };
        self.decoded(&key, &value, age).map(Some)
    }

    fn decoded(&self, key: &[u8], value: &[u8], age: u64) -> Result<Arc<Block>, ReadError> {
        let block = decode_block(key, value)?;
        lock(&self.blocks).put_if(age, &block);
        Ok(block)
    }

    fn read_one(&self, head: Cursor, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        if cursor > head {
            return Ok(None);
        }
        let Some(block) = self.block_around(cursor)? else { return Ok(None) };
        block.entry(cursor).map(|entry| entry.stored()).transpose()
    }

    fn read_after(&self, head: Cursor, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let mut found = Vec::new();
        if limit == 0 || after >= head {
            return Ok(found);
        }
        let take = |block: &Block, found: &mut Vec<Stored>| -> Result<bool, ReadError> {
            let start = block.entries.partition_point(|entry| entry.cursor <= after);
            for entry in block.entries.iter().skip(start) {
                if found.len() >= limit || entry.cursor > head {
                    return Ok(false);
                }
                found.push(entry.stored()?);
            }
            Ok(found.len() < limit)
        };
        if let Some(block) = self.block_around(after.next())?
            && !take(&block, &mut found)?
        {
            return Ok(found);
        }
        let behind = found.last().map_or(after, |last| last.cursor);
        let end = [BLOCKS + 1];
        for row in self.engine.range(Bound::Excluded(&block_key(behind)), Bound::Excluded(&end)) {
            let (key, value) = row?;
            // A long read is a fold or a sync: it would only push out of the cache what feeds read.
            let block = lock(&self.blocks).around(Cursor(number_of(&key).unwrap_or_default()));
            let block = match block {
                Some(block) => block,
                None => decode_block(&key, &value)?,
            };
            if !take(&block, &mut found)? {
                break;
            }
        }
        Ok(found)
    }
}

/// A block as it stands at an engine key.
pub(crate) fn decode_block(key: &[u8], value: &[u8]) -> Result<Arc<Block>, ReadError> {
    let start = Cursor(number_of(key).unwrap_or_default());
    let block = Block::open(start, value)
        .map_err(|error| ReadError { reason: format!("the block at cursor {}: {error}", start.0) })?;
    Ok(Arc::new(block))
}

impl StoreReader for SledReader {
    fn head(&self) -> Cursor {
        self.view().head
    }

    fn durable(&self) -> Cursor {
        self.shared.flush.durable()
    }
}

impl Rows for SledReader {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        self.shared.row(&self.view(), key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        self.shared.walk(&self.view(), (from, to), Direction::Up, visit)
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        self.shared.walk(&self.view(), (from, to), Direction::Down, visit)
    }

    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        self.shared.edge(&self.view(), (from, to), Direction::Up)
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        self.shared.edge(&self.view(), (from, to), Direction::Down)
    }
}

impl Envelopes for SledReader {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        self.shared.envelope(self.view().head, cursor)
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.shared.envelopes(self.view().head, after, limit)
    }
}
