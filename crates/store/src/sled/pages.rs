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

/// Rows of a page, ascending.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<(Bytes, Bytes)>,
}

impl Page {
    fn packed_len(&self) -> usize {
        self.rows.iter().map(row_len).sum()
    }

    /// Bytes that it takes in a cache.
    pub(crate) fn memory(&self) -> usize {
        self.packed_len() + self.rows.len() * size_of::<(Bytes, Bytes)>() + 64
    }

    fn pack(&self) -> Bytes {
        let mut raw = BytesMut::with_capacity(self.packed_len());
        for (key, value) in &self.rows {
            put_bytes(&mut raw, key);
            put_bytes(&mut raw, value);
        }
        raw.freeze()
    }

    pub(crate) fn open(sealed: &[u8]) -> Result<Self, CodecError> {
        Self::unpack(codec::open(sealed)?)
    }

    fn unpack(mut raw: Bytes) -> Result<Self, CodecError> {
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

    /// The value of one row.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Bytes> {
        let at = self.rows.binary_search_by(|(row, _)| row.as_ref().cmp(key)).ok()?;
        self.rows.get(at).map(|(_, value)| value.clone())
    }
}

fn row_len((key, value): &(Bytes, Bytes)) -> usize {
    key.len() + value.len() + ROW_OVERHEAD_BYTES
}

pub(crate) fn unreadable(key: &[u8], error: &CodecError) -> ReadError {
    ReadError { reason: format!("the page at {key:02x?}: {error}") }
}

/// One page after a checkpoint: its engine key, and its rows; `None` when it is gone.
pub(crate) type PageWrite = (Vec<u8>, Option<Page>);

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
    // A cached span may end before its page does, where a neighbour went; two writes of one page would lose the first.
    let family_end = space.family_end(space.family_of(&span.start));
    let next = engine.range(Bound::Excluded(&span.start), Bound::Excluded(&family_end)).next().transpose()?;
    let end = next.map_or(family_end, |(next, _)| next.to_vec());
    if first >= end {
        let reason = format!("rows from {first:02x?} on lie behind the page at {:02x?}", span.start);
        return Err(ReadError { reason });
    }
    let mut rows = Vec::with_capacity(span.page.rows.len() + 8);
    let mut old = span.page.rows.iter().peekable();
    while let Some((row, value)) = changes.next_if(|(row, _)| space.key(row) < end) {
        while let Some(kept) = old.next_if(|(kept, _)| kept < row) {
            rows.push(kept.clone());
        }
        let _ = old.next_if(|(kept, _)| kept == row);
        if let Some(value) = value {
            rows.push((row.clone(), value.clone()));
        }
    }
    rows.extend(old.cloned());
    Ok(cut(space, span.start.to_vec(), rows))
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

/// Puts page writes into a batch; gives the pages back in buffers of their own, for the cache: rows as they came share
/// buffers with old pages and with whole bodies.
pub(crate) fn put(batch: &mut ::sled::Batch, writes: Vec<PageWrite>) -> Result<Vec<PageWrite>, ReadError> {
    let mut written = Vec::with_capacity(writes.len());
    for (key, page) in writes {
        let page = match page {
            Some(page) => {
                let raw = page.pack();
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
