//! Rows and envelopes that are not in the store yet, over those that are: what a fold writes into and reads through.

use crate::port::{self, Cursor, Envelopes, ReadError, ReadPort, RowWrite, Rows, Stored};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Writes of one open batch over a read port. Reads see the writes.
pub struct Overlay<'a> {
    base: &'a dyn ReadPort,
    pending: Pending,
}

/// The writes alone, so that a batch can stay open while its base is borrowed anew for every step.
#[derive(Default)]
pub struct Pending {
    rows: BTreeMap<Bytes, Option<Bytes>>,
    stored: Vec<Stored>,
}

impl Pending {
    /// The row writes in order of their keys, and the envelopes in order of their cursors.
    #[must_use]
    pub fn into_parts(self) -> (Vec<RowWrite>, Vec<Stored>) {
        let rows = self.rows.into_iter().map(|(key, value)| RowWrite { key, value }).collect();
        (rows, self.stored)
    }

    /// How many envelopes it holds.
    #[must_use]
    pub fn envelope_count(&self) -> usize {
        self.stored.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.stored.is_empty()
    }
}

impl<'a> Overlay<'a> {
    /// `pending` over `base`.
    #[must_use]
    pub fn new(base: &'a dyn ReadPort, pending: Pending) -> Self {
        Self { base, pending }
    }

    /// The writes.
    #[must_use]
    pub fn into_pending(self) -> Pending {
        self.pending
    }

    /// Sets a row.
    pub fn put(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.pending.rows.insert(key.into(), Some(value.into()));
    }

    /// Takes a row away.
    pub fn delete(&mut self, key: impl Into<Bytes>) {
        self.pending.rows.insert(key.into(), None);
    }

    /// The last row of `[from, to)` among those that were set here, unless that was taken away.
    pub(crate) fn last_set(&self, from: &[u8], to: &[u8]) -> Option<(Bytes, Bytes)> {
        let (key, value) = ordered(&self.pending.rows, from, to).next_back()?;
        Some((key.clone(), value.clone()?))
    }

    /// Whether rows of a family were set, and not taken away again.
    pub(crate) fn has_set(&self, family: u8) -> bool {
        let end = family.checked_add(1).map(|end| [end]);
        let end: &[u8] = end.as_ref().map_or(&[0xff; 2], |end| end);
        ordered(&self.pending.rows, &[family], end).any(|(_, value)| value.is_some())
    }

    /// Appends an envelope; its cursor is behind all before it.
    pub fn push(&mut self, stored: Stored) {
        self.pending.stored.push(stored);
    }
}

/// One side of the merge: the next pending row, or the rows of the base up to it.
fn ordered<'k>(
    rows: &'k BTreeMap<Bytes, Option<Bytes>>,
    from: &[u8],
    to: &[u8],
) -> impl DoubleEndedIterator<Item = (&'k Bytes, &'k Option<Bytes>)> {
    let bounds = (Bound::Included(from), Bound::Excluded(to));
    let empty = from >= to;
    (!empty).then(|| rows.range::<[u8], _>(bounds)).into_iter().flatten()
}

impl Rows for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        match self.pending.rows.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        let ours = ordered(&self.pending.rows, from, to);
        walk(ours, |one, other| one < other, |step| self.base.scan(from, to, step), visit)
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        let ours = ordered(&self.pending.rows, from, to).rev();
        walk(ours, |one, other| one > other, |step| self.base.scan_back(from, to, step), visit)
    }

    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        if from >= to {
            return Ok(None);
        }
        let ours = self.pending.rows.range::<[u8], _>((Bound::Included(from), Bound::Unbounded)).next();
        let base = self.base.first(from, to)?;
        match nearer(ours.filter(|(key, _)| key.as_ref() < to), base, |one, other| one <= other) {
            Nearer::Found(found) => Ok(found),
            Nearer::Hidden => port::first_of_walk(self, from, to),
        }
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        if from >= to {
            return Ok(None);
        }
        let ours = self.pending.rows.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(to))).next_back();
        let base = self.base.last(from, to)?;
        match nearer(ours.filter(|(key, _)| key.as_ref() >= from), base, |one, other| one >= other) {
            Nearer::Found(found) => Ok(found),
            Nearer::Hidden => port::last_of_walk(self, from, to),
        }
    }
}

/// Which of two rows is at the end of a range.
enum Nearer {
    Found(Option<(Bytes, Bytes)>),
    /// A row of ours that was taken away: only a walk tells what comes behind it.
    Hidden,
}

fn nearer(
    ours: Option<(&Bytes, &Option<Bytes>)>,
    base: Option<(Bytes, Bytes)>,
    is_nearer: impl Fn(&[u8], &[u8]) -> bool,
) -> Nearer {
    match (ours, base) {
        (Some((key, _)), Some(base)) if !is_nearer(key, &base.0) => Nearer::Found(Some(base)),
        (Some((key, Some(value))), _) => Nearer::Found(Some((key.clone(), value.clone()))),
        (Some((_, None)), _) => Nearer::Hidden,
        (None, base) => Nearer::Found(base),
    }
}

/// Walks the base's rows with ours merged in: ours stand in place of the base's, and one that was deleted hides it.
/// `is_first` says whether a walk in this direction comes to the one key before the other.
fn walk<'k>(
    ours: impl Iterator<Item = (&'k Bytes, &'k Option<Bytes>)>,
    is_first: impl Fn(&[u8], &[u8]) -> bool,
    base: impl FnOnce(&mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError>,
    visit: &mut dyn FnMut(&[u8], &Bytes) -> bool,
) -> Result<(), ReadError> {
    let mut ours = ours.peekable();
    let mut go_on = true;
    base(&mut |key, value| {
        while let Some((own, written)) = ours.next_if(|(own, _)| is_first(own, key)) {
            if let Some(written) = written {
                go_on = visit(own, written);
                if !go_on {
                    return false;
                }
            }
        }
        go_on = match ours.next_if(|(own, _)| own.as_ref() == key) {
            Some((own, Some(written))) => visit(own, written),
            Some((_, None)) => true,
            None => visit(key, value),
        };
        go_on
    })?;
    if go_on {
        for (own, written) in ours {
            if let Some(written) = written
                && !visit(own, written)
            {
                break;
            }
        }
    }
    Ok(())
}

impl Envelopes for Overlay<'_> {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        match self.pending.stored.binary_search_by_key(&cursor, |stored| stored.cursor) {
            Ok(at) => Ok(self.pending.stored.get(at).cloned()),
            Err(_) => self.base.stored(cursor),
        }
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let mut found = self.base.stored_after(after, limit)?;
        let left = limit - found.len().min(limit);
        found.extend(self.pending.stored.iter().filter(|stored| stored.cursor > after).take(left).cloned());
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
