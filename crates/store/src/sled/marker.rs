//! The last acknowledged batch, in a small file outside the engine, so that a lost tail is noticed at the next start.
//!
//! Two slots are overwritten in turn, each with its own check sum, so that a write cut in two leaves the older one. It is
//! not synchronised: after a power cut it may be behind, and then promises less, never more.

use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tidepool_views::Cursor;

const SLOT_BYTES: usize = 32;
const SLOT_STRIDE: u64 = 512;

/// How far durability was spoken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acknowledged {
    /// The number of the batch, from 1; batches without envelopes count too.
    pub batch: u64,
    /// The cursor of the last envelope up to that batch.
    pub cursor: Cursor,
}

pub(crate) struct Marker {
    file: File,
    next_slot: u64,
}

impl Marker {
    /// Opens or makes the file; with what it says.
    pub(crate) fn open(path: &Path) -> std::io::Result<(Self, Acknowledged)> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.by_ref().take(SLOT_STRIDE * 2).read_to_end(&mut bytes)?;
        let slots = [0, SLOT_STRIDE].map(|at| read_slot(&bytes, usize::try_from(at).unwrap_or(usize::MAX)));
        let newest = slots.into_iter().flatten().max().unwrap_or_default();
        let next_slot = u64::from(slots[0] == Some(newest));
        Ok((Self { file, next_slot }, newest))
    }

    /// Overwrites the older slot.
    pub(crate) fn write(&mut self, acknowledged: Acknowledged) -> std::io::Result<()> {
        self.file.write_all_at(&slot(acknowledged), self.next_slot * SLOT_STRIDE)?;
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }

    /// Forgets both slots and says `acknowledged` instead.
    pub(crate) fn reset(&mut self, acknowledged: Acknowledged) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.next_slot = 0;
        self.write(acknowledged)?;
        self.file.sync_all()
    }
}

fn slot(acknowledged: Acknowledged) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[..8].copy_from_slice(&acknowledged.batch.to_be_bytes());
    bytes[8..16].copy_from_slice(&acknowledged.cursor.0.to_be_bytes());
    let check = Sha256::digest(&bytes[..16]);
    bytes[16..].copy_from_slice(&check[..16]);
    bytes
}

fn read_slot(bytes: &[u8], at: usize) -> Option<Acknowledged> {
    let found = bytes.get(at..at.checked_add(SLOT_BYTES)?)?;
    let number = |range: std::ops::Range<usize>| Some(u64::from_be_bytes(found.get(range)?.try_into().ok()?));
    let acknowledged = Acknowledged { batch: number(0..8)?, cursor: Cursor(number(8..16)?) };
    (slot(acknowledged) == found).then_some(acknowledged)
}

#[cfg(test)]
mod tests;
