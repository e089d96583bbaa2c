//! Row changes in memory, and one ordered walk over several layers of rows in which the upper layer wins.

use bytes::Bytes;
use imbl::OrdMap;
use std::cmp::Ordering;
use std::iter::Peekable;
use std::ops::Bound;
use tidepool_views::{ReadError, RowWrite};

/// What one row costs in memory beside its own bytes.
const ROW_OVERHEAD_BYTES: usize = 96;

/// Row changes in order of their keys; `None` hides what lies below. Cloning is O(1) and gives a snapshot: the writer
/// then copies the tree nodes that it touches.
#[derive(Clone, Default)]
pub(crate) struct Memtable {
    rows: OrdMap<Bytes, Option<Bytes>>,
    bytes: usize,
}

impl Memtable {
    pub(crate) fn apply(&mut self, row: &RowWrite) {
        self.set(row.key.clone(), row.value.clone());
    }

    pub(crate) fn set(&mut self, key: Bytes, value: Option<Bytes>) {
        let key_len = key.len() + ROW_OVERHEAD_BYTES;
        let new_len = value.as_ref().map_or(0, Bytes::len);
        match self.rows.insert(key, value) {
            Some(old) => self.bytes = (self.bytes + new_len).saturating_sub(old.map_or(0, |old| old.len())),
            None => self.bytes += key_len + new_len,
        }
    }

    /// Takes a row away without hiding anything.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Some(old) = self.rows.remove(key) {
            let freed = key.len() + ROW_OVERHEAD_BYTES + old.map_or(0, |old| old.len());
            self.bytes = self.bytes.saturating_sub(freed);
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        self.rows.get(key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Memory that it holds, nearly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Bytes, &Option<Bytes>)> {
        self.rows.iter()
    }

    pub(crate) fn range<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = (&'a Bytes, &'a Option<Bytes>)> + use<'a> {
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        (from < to).then(|| self.rows.range::<_, [u8]>(bounds)).into_iter().flatten()
    }

    /// Keeps the rows for which `keep` says so.
    pub(crate) fn retain(&mut self, keep: impl Fn(&[u8]) -> bool) {
        let kept: Vec<_> = self.iter().filter(|(key, _)| keep(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
        *self = Self::default();
        for (key, value) in kept {
            self.set(key, value);
        }
    }
}

/// Which way a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl Direction {
    fn first(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Self::Up => a.cmp(b),
            Self::Down => b.cmp(a),
        }
    }
}

/// The rows of one layer in the walk's direction.
pub(crate) type Layer<'a> = Box<dyn Iterator<Item = Result<(Bytes, Option<Bytes>), ReadError>> + 'a>;

/// A memtable's part of a walk.
pub(crate) fn layer<'a>(rows: &'a Memtable, from: &[u8], to: &[u8], direction: Direction) -> Layer<'a> {
    let rows = rows.range(from, to).map(|(key, value)| Ok((key.clone(), value.clone())));
    match direction {
        Direction::Up => Box::new(rows),
        Direction::Down => Box::new(rows.rev()),
    }
}

/// Walks `layers` (uppermost first) as one until `visit` returns `false`; whether it wants more.
pub(crate) fn walk(
    layers: Vec<Layer<'_>>,
    direction: Direction,
    visit: &mut dyn FnMut(&[u8], &Bytes) -> bool,
) -> Result<bool, ReadError> {
    let mut layers: Vec<Peekable<Layer<'_>>> = layers.into_iter().map(Iterator::peekable).collect();
    loop {
        let mut next: Option<(Bytes, Option<Bytes>)> = None;
        for layer in &mut layers {
            match layer.peek() {
                Some(Ok((key, value))) => {
                    let earlier = next.as_ref().is_none_or(|(best, _)| direction.first(key, best) == Ordering::Less);
                    if earlier {
                        next = Some((key.clone(), value.clone()));
                    }
                }
                Some(Err(error)) => return Err(error.clone()),
                None => {}
            }
        }
        let Some((key, value)) = next else { return Ok(true) };
        for layer in &mut layers {
            let _ = layer.next_if(|row| matches!(row, Ok((other, _)) if *other == key));
        }
        if let Some(value) = value
            && !visit(&key, &value)
        {
            return Ok(false);
        }
    }
}
