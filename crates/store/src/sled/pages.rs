//! Rows packed into pages of some kilobytes: the engine charges for values, hardly for bytes.
//!
//! A page holds all rows of one family from its own key up to the next page's. Pages change at checkpoints only, and
//! while they do, readers see the same rows in memory above them; so half of a checkpoint is never seen.

use super::engine::Engine;
use super::layout::Space;
use super::spans::{Spans, read_span};
use crate::codec::{self, CodecError, put_bytes, take_bytes};
use bytes::{Bytes, BytesMut};
use std::iter::Peekable;
use std::ops::Bound;
use tidepool_views::ReadError;

/// A page that grows beyond this is cut.
const PAGE_BYTES_MAX: usize = 8 * 1024;

/// Into pieces of about this.
const PAGE_BYTES_TARGET: usize = 4 * 1024;

/// What one row costs in a page beside its bytes.
const ROW_OVERHEAD_BYTES: usize = 8;

/// A page as it is read: rows in ascending order, packed as they are on disk, and where each of them begins.
#[derive(Debug, Default)]
pub(crate) struct Page {
    raw: Bytes,
    starts: Vec<u32>,
}

/// The bytes at `at` behind their length, and where they end. Only for what [`Page::unpack`] has checked.
fn part(raw: &[u8], at: usize) -> (usize, usize) {
    let length = raw.get(at..).and_then(|rest| rest.first_chunk::<4>()).map_or(0, |length| u32::from_be_bytes(*length));
    (at + 4, at + 4 + length as usize)
}

impl Page {
    pub(crate) fn open(sealed: &[u8]) -> Result<Self, CodecError> {
        Self::unpack(codec::open(sealed)?)
    }

    fn unpack(raw: Bytes) -> Result<Self, CodecError> {
        let mut starts = Vec::new();
        let mut rest = raw.clone();
        let mut last: Option<Bytes> = None;
        while !rest.is_empty() {
            starts.push(u32::try_from(raw.len() - rest.len()).map_err(|_| CodecError::Shape)?);
            let key = take_bytes(&mut rest)?;
            take_bytes(&mut rest)?;
            if last.is_some_and(|last| last >= key) {
                return Err(CodecError::Shape);
            }
            last = Some(key);
        }
        starts.shrink_to_fit();
        Ok(Self { raw, starts })
    }

    /// How many rows it holds.
    pub(crate) const fn len(&self) -> usize {
        self.starts.len()
    }

    /// The key of row number `at`; empty behind the last.
    pub(crate) fn key(&self, at: usize) -> &[u8] {
        let Some(start) = self.starts.get(at) else { return &[] };
        let (from, to) = part(&self.raw, *start as usize);
        self.raw.get(from..to).unwrap_or_default()
    }

    /// The value of row number `at`; empty behind the last.
    pub(crate) fn value(&self, at: usize) -> Bytes {
        let Some(start) = self.starts.get(at) else { return Bytes::new() };
        let (_, key_end) = part(&self.raw, *start as usize);
        let (from, to) = part(&self.raw, key_end);
        self.raw.slice(from.min(self.raw.len())..to.min(self.raw.len()))
    }

    /// How many rows have keys below `bound`.
    pub(crate) fn below(&self, bound: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle) < bound {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The value of one row.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Bytes> {
        let at = self.below(key);
        (at < self.len() && self.key(at) == key).then(|| self.value(at))
    }

    /// Leaves the first `rows` rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.starts.truncate(rows);
    }

    /// Bytes that it takes in a cache.
    pub(crate) const fn memory(&self) -> usize {
        self.raw.len() + self.starts.len() * size_of::<u32>() + 96
    }
}

/// Rows of a page that is being written, ascending.
type Rows = Vec<(Bytes, Bytes)>;

fn packed_len(rows: &Rows) -> usize {
    rows.iter().map(row_len).sum()
}

fn pack(rows: &Rows) -> Bytes {
    let mut raw = BytesMut::with_capacity(packed_len(rows));
    for (key, value) in rows {
        put_bytes(&mut raw, key);
        put_bytes(&mut raw, value);
    }
    raw.freeze()
}

fn row_len((key, value): &(Bytes, Bytes)) -> usize {
    key.len() + value.len() + ROW_OVERHEAD_BYTES
}

pub(crate) fn unreadable(key: &[u8], error: &CodecError) -> ReadError {
    ReadError { reason: format!("the page at {key:02x?}: {error}") }
}

/// One page after a checkpoint: its engine key, and its rows; `None` when it is gone.
pub(crate) type PageWrite = (Vec<u8>, Option<Rows>);

/// The same, as readers see it.
pub(crate) type Written = (Vec<u8>, Option<Page>);

/// Takes from `changes` (ascending) all that belong to the first one's page, and gives that page as it is with them:
/// one write, more when it is cut, all of which must go into one batch.
pub(crate) fn next_page<'r>(
    engine: &Engine,
    spans: &Spans,
    space: Space,
    changes: &mut Peekable<impl Iterator<Item = (&'r Bytes, &'r Option<Bytes>)>>,
) -> Result<Vec<PageWrite>, ReadError> {
    let Some((first, _)) = changes.peek() else { return Ok(Vec::new()) };
    let first = space.key(first);
    let span = match spans.around(&first) {
        Some(span) => span,
        None => read_span(engine, space, &first)?.into(),
    };
    // Asked of the engine, whatever a span says: two writes of one page would lose the first.
    let family_end = space.family_end(space.family_of(&span.start));
    let next = engine.range(Bound::Excluded(&span.start), Bound::Excluded(&family_end)).next().transpose()?;
    let end = next.map_or(family_end, |(next, _)| next.to_vec());
    if first >= end {
        let reason = format!("rows from {first:02x?} on lie behind the page at {:02x?}", span.start);
        return Err(ReadError { reason });
    }
    let page = &span.page;
    let mut rows = Vec::with_capacity(page.len() + 8);
    let mut old = 0;
    let kept = |rows: &mut Rows, from: usize, to: usize| {
        rows.extend((from..to).map(|at| (page.raw.slice_ref(page.key(at)), page.value(at))));
    };
    while let Some((row, value)) = changes.next_if(|(row, _)| space.is_before(row, &end)) {
        let at = page.below(row).max(old);
        kept(&mut rows, old, at);
        old = at + usize::from(at < page.len() && page.key(at) == row);
        if let Some(value) = value {
            rows.push((row.clone(), value.clone()));
        }
    }
    kept(&mut rows, old, page.len());
    Ok(cut(space, span.start.to_vec(), rows))
}

/// Cuts rows into pages; the first keeps `key`.
fn cut(space: Space, key: Vec<u8>, rows: Rows) -> Vec<PageWrite> {
    let bytes = packed_len(&rows);
    if bytes <= PAGE_BYTES_MAX {
        return vec![(key, (!rows.is_empty()).then_some(rows))];
    }
    let pieces = bytes.div_ceil(PAGE_BYTES_TARGET);
    let target = bytes.div_ceil(pieces);
    let mut writes = Vec::with_capacity(pieces);
    let mut open = Rows::new();
    let mut open_bytes = 0;
    let mut open_key = key;
    for row in rows {
        let len = row_len(&row);
        if open_bytes > 0 && open_bytes + len > target {
            writes.push((std::mem::replace(&mut open_key, space.key(&row.0)), Some(std::mem::take(&mut open))));
            open_bytes = 0;
        }
        open_bytes += len;
        open.push(row);
    }
    writes.push((open_key, Some(open)));
    writes
}

/// Puts page writes into a batch; gives the pages back as they will be read, for the cache.
pub(crate) fn put(batch: &mut ::sled::Batch, writes: Vec<PageWrite>) -> Result<Vec<Written>, ReadError> {
    let mut written = Vec::with_capacity(writes.len());
    for (key, rows) in writes {
        let page = match rows {
            Some(rows) => {
                let raw = pack(&rows);
                let sealed = codec::seal(&raw).map_err(|error| unreadable(&key, &error))?;
                batch.insert(key.as_slice(), sealed);
                Some(Page::unpack(raw).map_err(|error| unreadable(&key, &error))?)
            }
            None => {
                batch.remove(key.as_slice());
                None
            }
        };
        written.push((key, page));
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
