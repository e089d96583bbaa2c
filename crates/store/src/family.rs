//! Which key families outlive a crash of memory and a `clear_derived`, and where a range crosses from one kind to the
//! other.
//!
//! Durable: 0x60 to 0x67 (the kernel's outbox and custody of log heads) and 0x90 to 0xbf (the home). Everything else
//! from 0x10 up is derived: folding the log gives it again. Decided by family and not by arrival, so that a read looks
//! in one place, and a row cannot change sides by a slip of the pen: a batch with a row on the wrong side is refused.

use tidepool_kernel::Batch;
use tidepool_views::{Cursor, RowWrite, Stored};

/// Families below this are the store's own; a row with such a key is refused.
pub const FAMILY_MIN: u8 = 0x10;

/// Where the kind changes, ascending: `[start, next start)` is of the kind beside it.
static ZONES: [(u8, bool); 5] = [(FAMILY_MIN, false), (0x60, true), (0x68, false), (0x90, true), (0xc0, false)];

/// Whether rows of this family are durable: written before they are spoken of, kept by `clear_derived`.
#[must_use]
pub const fn is_durable(family: u8) -> bool {
    matches!(family, 0x60..=0x67 | 0x90..=0xbf)
}

/// A part of a range that lies on one side: whether it is durable, and its bounds.
pub(crate) type Zone<'k> = (bool, &'k [u8], &'k [u8]);

/// The parts of `[from, to)` that lie on one side each, ascending. At most five.
pub(crate) fn zones<'k>(from: &'k [u8], to: &'k [u8]) -> impl DoubleEndedIterator<Item = Zone<'k>> {
    ZONES.iter().enumerate().filter_map(move |(index, (start, durable))| {
        let low = from.max(std::slice::from_ref(start));
        let high = match ZONES.get(index + 1) {
            Some((next, _)) => to.min(std::slice::from_ref(next)),
            None => to,
        };
        (low < high).then_some((*durable, low, high))
    })
}

/// What one append writes: a kernel's batch, or a part of an import.
#[derive(Clone, Copy, Default)]
pub(crate) struct Parts<'a> {
    pub(crate) stored: &'a [Stored],
    pub(crate) derived: &'a [RowWrite],
    pub(crate) durable: &'a [RowWrite],
    pub(crate) erased: &'a [Cursor],
}

impl<'a> From<&'a Batch> for Parts<'a> {
    fn from(batch: &'a Batch) -> Self {
        Self { stored: batch.stored(), derived: batch.derived(), durable: batch.durable(), erased: batch.erased() }
    }
}

impl Parts<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.stored.is_empty() && self.derived.is_empty() && self.durable.is_empty() && self.erased.is_empty()
    }
}

/// A batch that would put a row where it does not belong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misplaced {
    #[error("a row's key is empty or starts with {0:?}, below {FAMILY_MIN:#04x} is the store's own")]
    Reserved(Option<u8>),
    #[error("a row of family {0:#04x} came as durable, that family is derived")]
    NotDurable(u8),
    #[error("a row of family {0:#04x} came as derived, that family is durable")]
    NotDerived(u8),
    #[error("envelope {cursor} stands at or before the head {head} and replaces no erased one")]
    Behind { cursor: u64, head: u64 },
}

/// Refuses a batch with rows on the wrong side or envelopes out of order.
pub(crate) fn check(batch: Parts<'_>, head: u64) -> Result<(), Misplaced> {
    for (rows, durable) in [(batch.derived, false), (batch.durable, true)] {
        for row in rows {
            match row.key.first() {
                Some(&family) if family >= FAMILY_MIN => {
                    if is_durable(family) != durable {
                        return Err(if durable {
                            Misplaced::NotDurable(family)
                        } else {
                            Misplaced::NotDerived(family)
                        });
                    }
                }
                other => return Err(Misplaced::Reserved(other.copied())),
            }
        }
    }
    let mut last = head;
    for stored in batch.stored {
        let cursor = stored.cursor.0;
        if cursor > last {
            last = cursor;
        } else if cursor > head || !batch.erased.contains(&stored.cursor) {
            return Err(Misplaced::Behind { cursor, head: last });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
