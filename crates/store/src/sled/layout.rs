//! Keys in the engine's one tree, and the store's own two rows: its state, and a record for each batch.
//!
//! | key | value |
//! |---|---|
//! | `00` | [`Meta`] |
//! | `01` cursor | a block: the envelopes from that cursor up to the next block's |
//! | `02` generation, row key | a page of derived rows, from that key up to the next page's |
//! | `03` row key | a page of durable rows |
//! | `04` batch number | a [`Record`], until a checkpoint has put its rows into pages |

use crate::codec::{self, CodecError, put_row, take_row, take_u32, take_u64};
use bytes::{BufMut, Bytes, BytesMut};
use tidepool_views::{Cursor, RowWrite};

pub(crate) const META: [u8; 1] = [0x00];
pub(crate) const BLOCKS: u8 = 0x01;
pub(crate) const DERIVED: u8 = 0x02;
pub(crate) const DURABLE: u8 = 0x03;
pub(crate) const RECORDS: u8 = 0x04;

/// The key of the block that starts with `cursor`.
pub(crate) fn block_key(cursor: Cursor) -> [u8; 9] {
    numbered(BLOCKS, cursor.0)
}

/// The key of the record of batch `batch`.
pub(crate) fn record_key(batch: u64) -> [u8; 9] {
    numbered(RECORDS, batch)
}

fn numbered(prefix: u8, number: u64) -> [u8; 9] {
    let mut key = [prefix; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The number in a key of a block or a record.
pub(crate) fn number_of(key: &[u8]) -> Option<u64> {
    let (_, number) = key.split_first_chunk::<1>()?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

/// A space of pages: what stands before the row key in the engine's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// Derived rows of one generation. A new generation forgets all rows of the one before at once.
    Derived(u32),
    /// Durable rows.
    Durable,
}

impl Space {
    pub(crate) fn key(self, row: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(row.len() + 5);
        match self {
            Self::Derived(generation) => {
                key.push(DERIVED);
                key.extend_from_slice(&generation.to_be_bytes());
            }
            Self::Durable => key.push(DURABLE),
        }
        key.extend_from_slice(row);
        key
    }

    /// Whether the engine key of `row` lies before `end`.
    pub(crate) fn is_before(self, row: &[u8], end: &[u8]) -> bool {
        let prefix = self.key(&[]);
        match end.strip_prefix(prefix.as_slice()) {
            Some(end) => row < end,
            None => prefix.as_slice() < end,
        }
    }

    fn prefix_len(self) -> usize {
        match self {
            Self::Derived(_) => 5,
            Self::Durable => 1,
        }
    }

    /// The row key of an engine key; `None` when that lies behind this space.
    pub(crate) fn row_of(self, key: &[u8]) -> Option<&[u8]> {
        let (prefix, row) = key.split_at_checked(self.prefix_len())?;
        (prefix == self.key(&[])).then_some(row)
    }

    /// The family of an engine key of this space.
    pub(crate) fn family_of(self, key: &[u8]) -> u8 {
        key.get(self.prefix_len()).copied().unwrap_or_default()
    }

    /// The family of the last engine key of this space before `key`.
    pub(crate) fn family_before(self, key: &[u8]) -> Option<u8> {
        let family = *key.get(self.prefix_len())?;
        if key.len() > self.prefix_len() + 1 { Some(family) } else { family.checked_sub(1) }
    }

    /// Behind the last page that may hold rows of `family`.
    pub(crate) fn family_end(self, family: u8) -> Vec<u8> {
        match (family.checked_add(1), self) {
            (Some(next), _) => self.key(&[next]),
            (None, Self::Derived(generation)) => Self::Derived(generation.saturating_add(1)).key(&[]),
            (None, Self::Durable) => vec![RECORDS],
        }
    }
}

/// The pages of generations before `generation`.
pub(crate) fn stale_pages(generation: u32) -> (Vec<u8>, Vec<u8>) {
    (vec![DERIVED], Space::Derived(generation).key(&[]))
}

/// The store's own state; written by checkpoints, and when derived rows are cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Records up to this batch are in the pages.
    pub(crate) batch: u64,
    /// The head at that batch; never lower than a cursor that was given out, so none is used twice.
    pub(crate) head: Cursor,
    /// Derived pages hold what folding the log up to here gives.
    pub(crate) derived_upto: Cursor,
    /// The generation of derived pages that counts.
    pub(crate) generation: u32,
    /// The batch of a checkpoint whose pages are being written; 0 when none is.
    pub(crate) applying: u64,
    /// The batch at which unfinished derived rows were last written early; 0 when pages hold none.
    pub(crate) unfinished: u64,
}

impl Meta {
    pub(crate) fn seal(self) -> Result<Vec<u8>, CodecError> {
        let mut raw = BytesMut::new();
        raw.put_u64(self.batch);
        raw.put_u64(self.head.0);
        raw.put_u64(self.derived_upto.0);
        raw.put_u32(self.generation);
        raw.put_u64(self.applying);
        raw.put_u64(self.unfinished);
        codec::seal(&raw)
    }

    pub(crate) fn open(sealed: &[u8]) -> Result<Self, CodecError> {
        let mut raw = codec::open(sealed)?;
        Ok(Self {
            batch: take_u64(&mut raw)?,
            head: Cursor(take_u64(&mut raw)?),
            derived_upto: Cursor(take_u64(&mut raw)?),
            generation: take_u32(&mut raw)?,
            applying: take_u64(&mut raw)?,
            unfinished: take_u64(&mut raw)?,
        })
    }
}

/// What a batch leaves beside its blocks: the head behind it, and its durable rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) head: Cursor,
    pub(crate) rows: Vec<RowWrite>,
}

impl Record {
    pub(crate) fn seal(head: Cursor, rows: &[RowWrite]) -> Result<Vec<u8>, CodecError> {
        let mut raw = BytesMut::new();
        raw.put_u64(head.0);
        for row in rows {
            put_row(&mut raw, &row.key, row.value.as_ref());
        }
        codec::seal(&raw)
    }

    pub(crate) fn open(sealed: &[u8]) -> Result<Self, CodecError> {
        let mut raw: Bytes = codec::open(sealed)?;
        let head = Cursor(take_u64(&mut raw)?);
        let mut rows = Vec::new();
        while !raw.is_empty() {
            let (key, value) = take_row(&mut raw)?;
            rows.push(RowWrite { key, value });
        }
        Ok(Self { head, rows })
    }
}
