//! Sorted chunks: an ordered collection of small entries, kept in rows of up to [`ENTRIES_MAX`] entries.
//!
//! A row for every entry is what engines charge most for, and one row for all of them would be rewritten whole by every
//! change. So a collection is a run of rows ("chunks") under one prefix; the key of a chunk is the prefix and a
//! *separator*, and it holds the entries from its separator up to the next one's. A point is one seek, a page of `n`
//! entries touches about `n / 32 + 1` rows, a change rewrites one row (two when it splits or merges).
//!
//! What the rows look like depends on the order of the changes; what [`Chunks::visit`] gives does not. This module knows
//! nothing of what the entries mean.

#[cfg(test)]
mod tests;

use crate::codec::prefix_end;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows};
use bytes::Bytes;
use std::ops::Bound;

/// The most entries in one row: a row of 64 entries of 40 bytes is copied in less time than a second row is sought.
pub const ENTRIES_MAX: usize = 64;

/// A chunk that a removal leaves with fewer entries is joined with the one behind it, if both then fit well.
const SMALL: usize = ENTRIES_MAX / 4;

/// The most entries that a join may leave: room to grow, or the next insertion would split it again.
const JOINED_MAX: usize = ENTRIES_MAX * 3 / 4;

/// The longest key and the longest value in bytes: their lengths are one byte each.
pub const PART_BYTES_MAX: usize = 255;

/// One ordered collection: everything under one prefix. No collection's prefix may begin with another's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chunks {
    prefix: Vec<u8>,
}

/// An entry's key and value.
pub type Entry = (Bytes, Bytes);

/// Which way a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the lowest key.
    Up,
    /// From the highest key.
    Down,
}

/// A row that is no chunk: the store gave back other bytes than were written.
fn damaged() -> ReadError {
    ReadError { reason: "a row of a sorted collection is damaged; `tidepool reindex` builds it anew".to_owned() }
}

/// The keys of a collection that begin with `part`, as bounds.
fn beginning<'b>(part: &'b [u8], end: &'b [u8]) -> (Bound<&'b [u8]>, Bound<&'b [u8]>) {
    // Nothing comes behind a run of 0xff.
    let high = if end.is_empty() { Bound::Unbounded } else { Bound::Excluded(end) };
    (Bound::Included(part), high)
}

/// Where an entry lies in its chunk: offsets of its head, its value and its end.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    value: usize,
    end: usize,
}

impl Span {
    fn key<'c>(&self, chunk: &'c [u8]) -> &'c [u8] {
        &chunk[self.start + 2..self.value]
    }
}

fn span_at(chunk: &[u8], start: usize) -> Result<Span, ReadError> {
    let (Some(key), Some(value)) = (chunk.get(start), chunk.get(start + 1)) else { return Err(damaged()) };
    let span =
        Span { start, value: start + 2 + usize::from(*key), end: start + 2 + usize::from(*key) + usize::from(*value) };
    if span.end > chunk.len() { Err(damaged()) } else { Ok(span) }
}

fn spans(chunk: &[u8]) -> Result<Vec<Span>, ReadError> {
    let mut found = Vec::with_capacity(ENTRIES_MAX + 1);
    let mut at = 0;
    while at < chunk.len() {
        let span = span_at(chunk, at)?;
        at = span.end;
        found.push(span);
    }
    Ok(found)
}

fn write_entry(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let byte = |length: usize| u8::try_from(length).expect("keys and values of entries are at most 255 bytes");
    out.push(byte(key.len()));
    out.push(byte(value.len()));
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

/// What a chunk's bytes are with one entry taken out and one put in.
struct Edited {
    bytes: Vec<u8>,
    entries: usize,
    /// Where the second half begins, when it is to be split.
    split_at: Option<usize>,
    taken: Option<Bytes>,
    replaced: Option<Bytes>,
}

/// Where in a chunk the entries lie that one change is about.
#[derive(Default)]
struct Places {
    entries: usize,
    /// The entry to be taken.
    take: Option<Span>,
    /// The first entry that is not below the one to be put, and whether it has the same key.
    put: Option<(Span, bool)>,
}

fn find(chunk: &[u8], take: Option<&[u8]>, put: Option<&[u8]>) -> Result<Places, ReadError> {
    let mut places = Places::default();
    let mut at = 0;
    while at < chunk.len() {
        let span = span_at(chunk, at)?;
        let key = span.key(chunk);
        if take == Some(key) {
            places.take = Some(span);
        }
        if places.put.is_none()
            && let Some(put) = put
            && put <= key
        {
            places.put = Some((span, put == key));
        }
        places.entries += 1;
        at = span.end;
    }
    Ok(places)
}

/// Where entry number `count` begins.
fn offset_of(chunk: &[u8], count: usize) -> Result<usize, ReadError> {
    let mut at = 0;
    for _ in 0..count {
        at = span_at(chunk, at)?.end;
    }
    Ok(at)
}

/// Rewrites one chunk: everything but the entry taken, and the entry put at its place.
fn edit(chunk: &Bytes, take: Option<&[u8]>, put: Option<(&[u8], &[u8])>) -> Result<Edited, ReadError> {
    let places = find(chunk, take, put.map(|(key, _)| key))?;
    let room = put.map_or(0, |(key, value)| key.len() + value.len() + 2);
    let mut bytes = Vec::with_capacity(chunk.len() + room);
    let mut entries = places.entries;
    let (mut at, mut replaced) = (0, None);
    // The entry taken may lie on either side of the one put.
    let cut = |bytes: &mut Vec<u8>, at: &mut usize, before: usize| {
        if let Some(span) = places.take.filter(|span| span.start >= *at && span.start < before) {
            bytes.extend_from_slice(&chunk[*at..span.start]);
            *at = span.end;
        }
        bytes.extend_from_slice(&chunk[*at..before]);
        *at = before;
    };
    if let Some((key, value)) = put {
        let (before, same) = places.put.map_or((chunk.len(), None), |(span, same)| (span.start, same.then_some(span)));
        cut(&mut bytes, &mut at, before);
        write_entry(&mut bytes, key, value);
        match same {
            Some(span) => {
                replaced = Some(chunk.slice(span.value..span.end));
                at = span.end;
            }
            None => entries += 1,
        }
    }
    cut(&mut bytes, &mut at, chunk.len());
    let taken = places.take.map(|span| chunk.slice(span.value..span.end));
    entries -= usize::from(taken.is_some());
    let split_at = if entries > ENTRIES_MAX {
        // Keys that only grow (times) leave full chunks behind: what comes last begins the next chunk alone.
        let put_last = put.is_some() && places.put.is_none();
        Some(offset_of(&bytes, if put_last { entries - 1 } else { entries / 2 })?)
    } else {
        None
    };
    bytes.shrink_to_fit();
    Ok(Edited { bytes, entries, split_at, taken, replaced })
}

/// Whether a chunk's last key is not below `key`.
fn reaches(chunk: &[u8], key: &[u8]) -> Result<bool, ReadError> {
    let (mut at, mut last) = (0, None);
    while at < chunk.len() {
        let span = span_at(chunk, at)?;
        at = span.end;
        last = Some(span);
    }
    Ok(last.is_some_and(|span| key <= span.key(chunk)))
}

/// Whether `key` lies between a chunk's first and last keys, so that no other chunk can be its place.
fn spans_over(chunk: &[u8], key: &[u8]) -> Result<bool, ReadError> {
    let (mut at, mut above_first) = (0, false);
    while at < chunk.len() {
        let span = span_at(chunk, at)?;
        if span.key(chunk) <= key {
            above_first = true;
        } else {
            return Ok(above_first);
        }
        at = span.end;
    }
    Ok(false)
}

impl Chunks {
    /// The collection under `prefix`.
    #[must_use]
    pub fn new(prefix: impl Into<Vec<u8>>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// What all of its rows' keys begin with.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    fn row_key(&self, separator: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.prefix.len() + separator.len() + 1);
        key.extend_from_slice(&self.prefix);
        key.extend_from_slice(separator);
        key
    }

    /// The chunk that holds `key` or would: the one with the greatest separator that is not above it.
    fn locate(&self, rows: &dyn Rows, key: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        let mut behind = self.row_key(key);
        behind.push(0);
        rows.last(&self.prefix, &behind)
    }

    /// The same for what is about to be changed: mostly a chunk that was changed a moment ago, which needs no look below.
    fn locate_in(&self, overlay: &Overlay<'_>, key: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        let mut behind = self.row_key(key);
        behind.push(0);
        // Between its separator and its last key no other chunk begins.
        match overlay.last_set(&self.prefix, &behind) {
            Some((row, chunk)) if reaches(&chunk, key)? => Ok(Some((row, chunk))),
            Some(_) | None => overlay.last(&self.prefix, &behind),
        }
    }

    /// The value at `key`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn get(&self, rows: &dyn Rows, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let Some((_, chunk)) = self.locate(rows, key)? else { return Ok(None) };
        let mut at = 0;
        while at < chunk.len() {
            let span = span_at(&chunk, at)?;
            if span.key(&chunk) == key {
                return Ok(Some(chunk.slice(span.value..span.end)));
            }
            at = span.end;
        }
        Ok(None)
    }

    /// Sets the value at `key`; gives back the one that was there.
    ///
    /// # Errors
    /// When the store fails.
    ///
    /// # Panics
    /// When the key or the value is longer than [`PART_BYTES_MAX`]: both are made by this crate.
    pub fn insert(&self, overlay: &mut Overlay<'_>, key: &[u8], value: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let (row, chunk) = self.locate_in(overlay, key)?.unwrap_or_else(|| (self.prefix.clone().into(), Bytes::new()));
        let edited = edit(&chunk, None, Some((key, value)))?;
        let replaced = edited.replaced.clone();
        self.store(overlay, row, edited)?;
        Ok(replaced)
    }

    /// Takes the entry at `key` away; gives back its value.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove(&self, overlay: &mut Overlay<'_>, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let Some((row, chunk)) = self.locate_in(overlay, key)? else { return Ok(None) };
        let edited = edit(&chunk, Some(key), None)?;
        let taken = edited.taken.clone();
        if taken.is_some() {
            self.store(overlay, row, edited)?;
        }
        Ok(taken)
    }

    /// Moves an entry from one key to another and sets its value: one rewrite where both lie in one chunk.
    ///
    /// # Errors
    /// When the store fails.
    pub fn replace(
        &self,
        overlay: &mut Overlay<'_>,
        from: &[u8],
        to: &[u8],
        value: &[u8],
    ) -> Result<Option<Bytes>, ReadError> {
        if from == to {
            return self.insert(overlay, to, value);
        }
        let Some((row, chunk)) = self.locate_in(overlay, from)? else {
            self.insert(overlay, to, value)?;
            return Ok(None);
        };
        let other = if spans_over(&chunk, to)? {
            None
        } else {
            self.locate_in(overlay, to)?.filter(|(other, _)| *other != row)
        };
        let Some((other_row, other_chunk)) = other else {
            let edited = edit(&chunk, Some(from), Some((to, value)))?;
            let taken = edited.taken.clone();
            self.store(overlay, row, edited)?;
            return Ok(taken);
        };
        let without = edit(&chunk, Some(from), None)?;
        let taken = without.taken.clone();
        let merges = without.entries < SMALL;
        if taken.is_some() {
            self.store(overlay, row, without)?;
        }
        if merges {
            // It may have been joined with the chunk behind it, which may be the other one.
            self.insert(overlay, to, value)?;
        } else {
            self.store(overlay, other_row, edit(&other_chunk, None, Some((to, value)))?)?;
        }
        Ok(taken)
    }

    fn store(&self, overlay: &mut Overlay<'_>, row: Bytes, edited: Edited) -> Result<(), ReadError> {
        if edited.entries == 0 {
            overlay.delete(row);
            return Ok(());
        }
        if let Some(cut) = edited.split_at {
            let mut lower = edited.bytes;
            let upper = lower.split_off(cut);
            lower.shrink_to_fit();
            let separator = self.row_key(span_at(&upper, 0)?.key(&upper));
            overlay.put(separator, upper);
            overlay.put(row, lower);
            return Ok(());
        }
        if edited.taken.is_some() && edited.entries < SMALL {
            let after = [&row[..], &[0]].concat();
            let next = overlay.first(&after, &prefix_end(&self.prefix))?;
            if let Some((next_row, next_chunk)) = next
                && edited.entries + spans(&next_chunk)?.len() <= JOINED_MAX
            {
                let mut bytes = edited.bytes;
                bytes.extend_from_slice(&next_chunk);
                overlay.delete(next_row);
                overlay.put(row, bytes);
                return Ok(());
            }
        }
        overlay.put(row, edited.bytes);
        Ok(())
    }

    /// Visits the entries with keys within the bounds, in `direction`, until `visit` returns `false`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn visit(
        &self,
        rows: &dyn Rows,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        let (low, high) = bounds;
        let above = |key: &[u8]| match low {
            Bound::Included(low) => key >= low,
            Bound::Excluded(low) => key > low,
            Bound::Unbounded => true,
        };
        let below = |key: &[u8]| match high {
            Bound::Included(high) => key <= high,
            Bound::Excluded(high) => key < high,
            Bound::Unbounded => true,
        };
        let end = match high {
            Bound::Included(high) => [&self.row_key(high)[..], &[0]].concat(),
            Bound::Excluded(high) => self.row_key(high),
            Bound::Unbounded => prefix_end(&self.prefix),
        };
        let start = match low {
            Bound::Included(low) | Bound::Excluded(low) => {
                self.locate(rows, low)?.map_or_else(|| self.prefix.clone(), |(row, _)| row.to_vec())
            }
            Bound::Unbounded => self.prefix.clone(),
        };
        if start >= end {
            return Ok(());
        }
        let mut failed = None;
        let mut chunk_visit = |_: &[u8], chunk: &Bytes| match visit_chunk(chunk, direction, &above, &below, visit) {
            Ok(go_on) => go_on,
            Err(error) => {
                failed = Some(error);
                false
            }
        };
        match direction {
            Direction::Up => rows.scan(&start, &end, &mut chunk_visit)?,
            Direction::Down => rows.scan_back(&start, &end, &mut chunk_visit)?,
        }
        failed.map_or(Ok(()), Err)
    }

    /// Visits the entries whose keys begin with `part`, in ascending order, until `visit` returns `false`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn visit_part(
        &self,
        rows: &dyn Rows,
        part: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        self.visit(rows, beginning(part, &prefix_end(part)), Direction::Up, visit)
    }

    /// Up to `limit` entries behind `after` in `direction`; from the end of the collection when it is `None`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn page(
        &self,
        rows: &dyn Rows,
        after: Option<&[u8]>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        let bounds = match (after, direction) {
            (None, _) => (Bound::Unbounded, Bound::Unbounded),
            (Some(after), Direction::Up) => (Bound::Excluded(after), Bound::Unbounded),
            (Some(after), Direction::Down) => (Bound::Unbounded, Bound::Excluded(after)),
        };
        let mut found = Vec::with_capacity(limit.min(ENTRIES_MAX));
        if limit == 0 {
            return Ok(found);
        }
        self.visit(rows, bounds, direction, &mut |key, value| {
            found.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            found.len() < limit
        })?;
        Ok(found)
    }

    /// The entry with the greatest key that begins with `part`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn last_of(&self, rows: &dyn Rows, part: &[u8]) -> Result<Option<Entry>, ReadError> {
        let end = prefix_end(part);
        let behind = if end.is_empty() { prefix_end(&self.prefix) } else { self.row_key(&end) };
        let Some((_, chunk)) = rows.last(&self.prefix, &behind)? else { return Ok(None) };
        // The last entry below the end is mostly in the last chunk that begins below it.
        let (mut at, mut last) = (0, None);
        while at < chunk.len() {
            let span = span_at(&chunk, at)?;
            at = span.end;
            if !end.is_empty() && span.key(&chunk) >= end.as_slice() {
                break;
            }
            last = Some(span);
        }
        if let Some(span) = last {
            let entry = || (chunk.slice(span.start + 2..span.value), chunk.slice(span.value..span.end));
            return Ok(span.key(&chunk).starts_with(part).then(entry));
        }
        let mut found = None;
        self.visit(rows, beginning(part, &prefix_end(part)), Direction::Down, &mut |key, value| {
            found = Some((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            false
        })?;
        Ok(found)
    }

    /// The entry with the least key that begins with `part`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn first_of(&self, rows: &dyn Rows, part: &[u8]) -> Result<Option<Entry>, ReadError> {
        let mut found = None;
        self.visit(rows, beginning(part, &prefix_end(part)), Direction::Up, &mut |key, value| {
            found = Some((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            false
        })?;
        Ok(found)
    }
}

/// Visits one chunk; whether to go on.
fn visit_chunk(
    chunk: &Bytes,
    direction: Direction,
    above: &dyn Fn(&[u8]) -> bool,
    below: &dyn Fn(&[u8]) -> bool,
    visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<bool, ReadError> {
    match direction {
        Direction::Up => {
            let mut at = 0;
            while at < chunk.len() {
                let span = span_at(chunk, at)?;
                at = span.end;
                let key = span.key(chunk);
                if !below(key) {
                    return Ok(false);
                }
                if above(key) && !visit(key, &chunk[span.value..span.end]) {
                    return Ok(false);
                }
            }
        }
        Direction::Down => {
            for span in spans(chunk)?.into_iter().rev() {
                let key = span.key(chunk);
                if !above(key) {
                    return Ok(false);
                }
                if below(key) && !visit(key, &chunk[span.value..span.end]) {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// Visits the keys of the entries of one row.
pub(crate) fn visit_keys(chunk: &Bytes, visit: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
    for span in spans(chunk)? {
        visit(span.key(chunk));
    }
    Ok(())
}

/// The entries of one row, for tests that compare two stores whose chunks were cut at different places.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn entries_of(chunk: &Bytes) -> Vec<Entry> {
    spans(chunk)
        .map(|spans| spans.iter().map(|s| (chunk.slice(s.start + 2..s.value), chunk.slice(s.value..s.end))).collect())
        .unwrap_or_default()
}
