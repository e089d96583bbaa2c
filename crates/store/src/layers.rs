//! Row changes in memory, and one ordered walk over several layers of rows in which the upper layer wins.

use crate::inline::{Key, Probe};
use bytes::Bytes;
use imbl::OrdMap;
use imbl::ordmap::RangedIter;
use imbl::shared_ptr::DefaultSharedPtr;
use std::ops::Bound;
use tidepool_views::{ReadError, RowWrite};

/// What one row costs in memory beside its own bytes.
const ROW_OVERHEAD_BYTES: usize = 96;

/// Row changes in order of their keys; `None` hides what lies below. Cloning is O(1) and gives a snapshot: the writer
/// then copies the tree nodes that it touches.
#[derive(Clone, Default)]
pub(crate) struct Memtable {
    rows: OrdMap<Key, Option<Bytes>>,
    bytes: usize,
}

impl Memtable {
    pub(crate) fn apply(&mut self, row: &RowWrite) {
        self.set(row.key.clone(), row.value.clone());
    }

    pub(crate) fn set(&mut self, key: Bytes, value: Option<Bytes>) {
        let key_len = key.len() + ROW_OVERHEAD_BYTES;
        let new_len = value.as_ref().map_or(0, Bytes::len);
        match self.rows.insert(key.into(), value) {
            Some(old) => self.bytes = (self.bytes + new_len).saturating_sub(old.map_or(0, |old| old.len())),
            None => self.bytes += key_len + new_len,
        }
    }

    /// Takes a row away without hiding anything.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Some(old) = self.rows.remove(&Probe::from(key)) {
            let freed = key.len() + ROW_OVERHEAD_BYTES + old.map_or(0, |old| old.len());
            self.bytes = self.bytes.saturating_sub(freed);
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        self.rows.get(&Probe::from(key))
    }

    /// The row that a walk of the range in `direction` comes to first.
    pub(crate) fn edge(&self, (from, to): (&[u8], &[u8]), direction: Direction) -> Option<RowRef<'_>> {
        let (key, value) = match direction {
            Direction::Up => {
                let above = (Bound::Included(Probe::from(from)), Bound::Unbounded);
                self.rows.range::<_, Probe<'_>>(above).next().filter(|(key, _)| key.bytes.as_ref() < to)
            }
            Direction::Down => {
                let below = (Bound::Unbounded, Bound::Excluded(Probe::from(to)));
                self.rows.range::<_, Probe<'_>>(below).next_back().filter(|(key, _)| key.bytes.as_ref() >= from)
            }
        }?;
        Some((&key.bytes, value))
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
        self.rows.iter().map(|(key, value)| (&key.bytes, value))
    }

    /// The rows from `from` on, upwards, or from below `to` on, downwards. It is bounded on one side only: each bound is
    /// a search of its own, and most walks take one row.
    fn part<'a>(&'a self, (from, to): (&[u8], &[u8]), direction: Direction) -> Part<'a> {
        let bounds = match direction {
            Direction::Up => (Bound::Included(Probe::from(from)), Bound::Unbounded),
            Direction::Down => (Bound::Unbounded, Bound::Excluded(Probe::from(to))),
        };
        Part { rows: self.rows.range::<_, Probe<'_>>(bounds), next: None }
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
    /// Whether a walk in this direction comes to `a` before `b`.
    pub(crate) fn is_first(self, a: &[u8], b: &[u8]) -> bool {
        match self {
            Self::Up => a < b,
            Self::Down => a > b,
        }
    }
}

/// A layer under all memtables: rows that hide nothing.
pub(crate) trait Ground {
    /// The row that comes next in the walk's direction.
    fn peek(&mut self) -> Result<Option<(&[u8], &Bytes)>, ReadError>;

    /// Goes on behind it.
    fn advance(&mut self);
}

/// No rows at all.
pub(crate) struct Nothing;

impl Ground for Nothing {
    fn peek(&mut self) -> Result<Option<(&[u8], &Bytes)>, ReadError> {
        Ok(None)
    }

    fn advance(&mut self) {}
}

pub(crate) type RowRef<'a> = (&'a Bytes, &'a Option<Bytes>);

/// A memtable's part of a walk.
struct Part<'a> {
    rows: RangedIter<'a, Key, Option<Bytes>, DefaultSharedPtr>,
    next: Option<RowRef<'a>>,
}

impl Part<'_> {
    fn advance(&mut self, (from, to): (&[u8], &[u8]), direction: Direction) {
        self.next = match direction {
            Direction::Up => self.rows.next().filter(|(key, _)| key.bytes.as_ref() < to),
            Direction::Down => self.rows.next_back().filter(|(key, _)| key.bytes.as_ref() >= from),
        }
        .map(|(key, value)| (&key.bytes, value));
    }
}

/// Walks the rows of `[from, to)` in `memtables` (uppermost first) and in the layer under them as one until `visit` returns
/// `false`; whether it wants more.
pub(crate) fn walk(
    memtables: [Option<&Memtable>; 2],
    ground: &mut impl Ground,
    range: (&[u8], &[u8]),
    direction: Direction,
    visit: &mut dyn FnMut(&[u8], &Bytes) -> bool,
) -> Result<bool, ReadError> {
    let [mut upper, mut lower] = memtables.map(|memtable| {
        let mut part = memtable.filter(|memtable| !memtable.is_empty())?.part(range, direction);
        part.advance(range, direction);
        Some(part)
    });
    loop {
        let one = upper.as_ref().and_then(|part| part.next);
        let other = lower.as_ref().and_then(|part| part.next);
        // The first of the rows in memory; of two with one key the upper one.
        let (memory, same) = match (one, other) {
            (Some(one), Some(other)) if direction.is_first(other.0, one.0) => (Some(other), false),
            (Some(one), Some(other)) => (Some(one), one.0 == other.0),
            (one, other) => (one.or(other), false),
        };
        let below = ground.peek()?;
        let Some((key, value)) = memory else {
            let Some((key, value)) = below else { return Ok(true) };
            if !visit(key, value) {
                return Ok(false);
            }
            ground.advance();
            continue;
        };
        let hidden = match below {
            Some((lowest, value)) if direction.is_first(lowest, key) => {
                if !visit(lowest, value) {
                    return Ok(false);
                }
                ground.advance();
                continue;
            }
            Some((lowest, _)) => *lowest == *key,
            None => false,
        };
        if let Some(value) = value
            && !visit(key, value)
        {
            return Ok(false);
        }
        if hidden {
            ground.advance();
        }
        let from_upper = one.is_some_and(|(upper, _)| std::ptr::eq(upper, key));
        if from_upper || same {
            upper.iter_mut().for_each(|part| part.advance(range, direction));
        }
        if !from_upper || same {
            lower.iter_mut().for_each(|part| part.advance(range, direction));
        }
    }
}
