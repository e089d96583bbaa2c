//! Rows packed into pages of some kilobytes: the engine charges for values, hardly for bytes.
//!
//! A page holds all rows of one family from its own key up to the next page's. Pages change at checkpoints only, and
//! while they do, readers see the same rows in memory above them; so half of a checkpoint is never seen.

use super::cache::ByteCache;
use super::engine::{Engine, EngineIter};
use super::layout::Space;
use crate::codec::{self, CodecError, put_bytes, take_bytes};
use crate::layers::Direction;
use crate::sync::lock;
use ::sled::IVec;
use bytes::{Bytes, BytesMut};
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::{Arc, Mutex};
use tidepool_views::ReadError;

/// A page that grows beyond this is cut.
const PAGE_BYTES_MAX: usize = 8 * 1024;

/// Into pieces of about this.
const PAGE_BYTES_TARGET: usize = 4 * 1024;

/// What one row costs in a page beside its bytes.
const ROW_OVERHEAD_BYTES: usize = 8;

/// Rows of a page, ascending.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<(Bytes, Bytes)>,
}

pub(crate) type PageCache = Mutex<ByteCache<IVec, Arc<Page>>>;

impl Page {
    fn packed_len(&self) -> usize {
        self.rows.iter().map(row_len).sum()
    }

    fn memory(&self) -> usize {
        self.packed_len() + self.rows.len() * size_of::<(Bytes, Bytes)>() + 64
    }

    fn seal(&self) -> Result<Vec<u8>, CodecError> {
        let mut raw = BytesMut::with_capacity(self.packed_len());
        for (key, value) in &self.rows {
            put_bytes(&mut raw, key);
            put_bytes(&mut raw, value);
        }
        codec::seal(&raw)
    }

    fn open(sealed: &[u8]) -> Result<Self, CodecError> {
        let mut raw = codec::open(sealed)?;
        let mut rows: Vec<(Bytes, Bytes)> = Vec::new();
        while !raw.is_empty() {
            let row = (take_bytes(&mut raw)?, take_bytes(&mut raw)?);
            if rows.last().is_some_and(|last| last.0 >= row.0) {
                return Err(CodecError::Shape);
            }
            rows.push(row);
        }
        Ok(Self { rows })
    }

    fn get(&self, key: &[u8]) -> Option<Bytes> {
        let at = self.rows.binary_search_by(|(row, _)| row.as_ref().cmp(key)).ok()?;
        self.rows.get(at).map(|(_, value)| value.clone())
    }
}

fn row_len((key, value): &(Bytes, Bytes)) -> usize {
    key.len() + value.len() + ROW_OVERHEAD_BYTES
}

fn unreadable(key: &[u8], error: &CodecError) -> ReadError {
    ReadError { reason: format!("the page at {key:02x?}: {error}") }
}

/// The page at an engine key, from the cache or from its value.
fn decoded(cache: &PageCache, key: &IVec, read: impl FnOnce() -> IVec, age: u64) -> Result<Arc<Page>, ReadError> {
    if let Some(page) = lock(cache).get(key) {
        return Ok(page);
    }
    let page = Arc::new(Page::open(&read()).map_err(|error| unreadable(key, &error))?);
    lock(cache).put_if(age, key.clone(), Arc::clone(&page), page.memory());
    Ok(page)
}

/// The value of one row.
pub(crate) fn get(engine: &Engine, cache: &PageCache, space: Space, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
    let age = lock(cache).age();
    let low = space.key(key.get(..1).unwrap_or_default());
    let Some((found, value)) = engine.at_or_before(&low, &space.key(key))? else { return Ok(None) };
    Ok(decoded(cache, &found, || value, age)?.get(key))
}

/// The rows of `[from, to)` in one space, page by page.
pub(crate) struct PageWalk<'a> {
    cache: &'a PageCache,
    pages: EngineIter,
    age: u64,
    from: Vec<u8>,
    to: Vec<u8>,
    direction: Direction,
    page: Arc<Page>,
    /// Rows of `page` that are still to come.
    left: std::ops::Range<usize>,
    /// The last row that was given. A page that was cut between two steps shows some rows again.
    last: Option<Bytes>,
}

impl<'a> PageWalk<'a> {
    pub(crate) fn new(
        engine: &Engine,
        cache: &'a PageCache,
        space: Space,
        range: (Vec<u8>, Vec<u8>),
        direction: Direction,
    ) -> Result<Self, ReadError> {
        let (from, to) = range;
        let age = lock(cache).age();
        let start = space.key(&from);
        // The first page may start before the range.
        let first = engine.at_or_before(&space.key(from.get(..1).unwrap_or_default()), &start)?;
        let low = first.map_or(start, |(key, _)| key.to_vec());
        let pages = engine.range(Bound::Included(&low), Bound::Excluded(&space.key(&to)));
        Ok(Self { cache, pages, age, from, to, direction, page: Arc::default(), left: 0..0, last: None })
    }

    fn turn_page(&mut self) -> Result<bool, ReadError> {
        let next = match self.direction {
            Direction::Up => self.pages.next(),
            Direction::Down => self.pages.next_back(),
        };
        let Some((key, value)) = next.transpose()? else { return Ok(false) };
        self.page = decoded(self.cache, &key, || value, self.age)?;
        let start = self.page.rows.partition_point(|(key, _)| key.as_ref() < self.from.as_slice());
        let end = self.page.rows.partition_point(|(key, _)| key.as_ref() < self.to.as_slice());
        self.left = start..end.max(start);
        Ok(true)
    }
}

impl Iterator for PageWalk<'_> {
    type Item = Result<(Bytes, Option<Bytes>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let at = match self.direction {
                Direction::Up => self.left.next(),
                Direction::Down => self.left.next_back(),
            };
            let Some(at) = at else {
                match self.turn_page() {
                    Ok(true) => continue,
                    Ok(false) => return None,
                    Err(error) => return Some(Err(error)),
                }
            };
            let Some((key, value)) = self.page.rows.get(at) else { continue };
            let seen = self.last.as_ref().is_some_and(|last| match self.direction {
                Direction::Up => key <= last,
                Direction::Down => key >= last,
            });
            if !seen {
                self.last = Some(key.clone());
                return Some(Ok((key.clone(), Some(value.clone()))));
            }
        }
    }
}

/// One page after a checkpoint: its engine key, and its rows; `None` when it is gone.
pub(crate) type PageWrite = (Vec<u8>, Option<Page>);

/// Takes from `changes` (ascending) all that belong to the first one's page, and gives that page as it is with them:
/// one write, more when it is cut, all of which must go into one batch.
pub(crate) fn next_page<'r>(
    engine: &Engine,
    cache: &PageCache,
    space: Space,
    changes: &mut Peekable<impl Iterator<Item = (&'r Bytes, &'r Option<Bytes>)>>,
) -> Result<Vec<PageWrite>, ReadError> {
    let Some((first, _)) = changes.peek() else { return Ok(Vec::new()) };
    let family = first.first().copied().unwrap_or_default();
    let age = lock(cache).age();
    let anchor = space.key(&[family]);
    let (key, page) = match engine.at_or_before(&anchor, &space.key(first))? {
        Some((key, value)) => {
            let page = decoded(cache, &key, || value, age)?;
            (key.to_vec(), page)
        }
        None => (anchor, Arc::default()),
    };
    let family_end = space.family_end(family);
    let next = engine.range(Bound::Excluded(&key), Bound::Excluded(&family_end)).next().transpose()?;
    let end = next.map(|(next, _)| next);
    let belongs = |row: &[u8]| match &end {
        Some(end) => space.key(row).as_slice() < end.as_ref(),
        None => row.first() == Some(&family),
    };
    let mut rows = Vec::with_capacity(page.rows.len() + 8);
    let mut old = page.rows.iter().peekable();
    while let Some((row, value)) = changes.next_if(|(row, _)| belongs(row)) {
        while let Some(kept) = old.next_if(|(kept, _)| kept < row) {
            rows.push(kept.clone());
        }
        let _ = old.next_if(|(kept, _)| kept == row);
        if let Some(value) = value {
            rows.push((row.clone(), value.clone()));
        }
    }
    rows.extend(old.cloned());
    Ok(cut(space, key, rows))
}

/// Cuts rows into pages; the first keeps `key`.
fn cut(space: Space, key: Vec<u8>, rows: Vec<(Bytes, Bytes)>) -> Vec<PageWrite> {
    let whole = Page { rows };
    let bytes = whole.packed_len();
    if bytes <= PAGE_BYTES_MAX {
        return vec![(key, (!whole.rows.is_empty()).then_some(whole))];
    }
    let pieces = bytes.div_ceil(PAGE_BYTES_TARGET);
    let target = bytes.div_ceil(pieces);
    let mut writes = Vec::with_capacity(pieces);
    let mut open = Page::default();
    let mut open_bytes = 0;
    let mut open_key = key;
    for row in whole.rows {
        let len = row_len(&row);
        if open_bytes > 0 && open_bytes + len > target {
            writes.push((std::mem::replace(&mut open_key, space.key(&row.0)), Some(std::mem::take(&mut open))));
            open_bytes = 0;
        }
        open_bytes += len;
        open.rows.push(row);
    }
    writes.push((open_key, Some(open)));
    writes
}

/// Puts page writes into a batch; how many bytes.
pub(crate) fn put(batch: &mut ::sled::Batch, writes: &[PageWrite]) -> Result<usize, ReadError> {
    let mut bytes = 0;
    for (key, page) in writes {
        match page {
            Some(page) => {
                let sealed = page.seal().map_err(|error| unreadable(key, &error))?;
                bytes += sealed.len();
                batch.insert(key.as_slice(), sealed);
            }
            None => batch.remove(key.as_slice()),
        }
    }
    Ok(bytes)
}

/// Forgets what was written over: rows of a new page share buffers with old ones, the cache decodes its own.
pub(crate) fn forget(cache: &PageCache, writes: &[PageWrite]) {
    let mut cache = lock(cache);
    for (key, _) in writes {
        cache.remove(&IVec::from(key.as_slice()));
    }
}

#[cfg(test)]
mod tests;
