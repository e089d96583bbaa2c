//! The disk of a simulated node: the kernel's store in memory, and the chance that decides what a crash leaves of it.
//!
//! A crash keeps everything flushed, and of the batches behind it as many as chance says. Derived rows come back with
//! their batches, as of a checkpoint, or not at all.

use crate::chance::Chance;
use crate::planted::Planted;
use tidepool_kernel::memory::{Crash, MemoryStore, Remains, StoreDefect};

/// An empty disk, with a defect of its own if one is to be found.
pub(crate) fn empty(planted: Option<Planted>) -> MemoryStore {
    let defect = match planted {
        Some(Planted::FlushIsNone) => StoreDefect::FlushIsNone,
        Some(Planted::DerivedUptoLies) => StoreDefect::DerivedUptoLies,
        Some(Planted::ErasedStays) => StoreDefect::ErasedStays,
        Some(Planted::BitRots) => StoreDefect::BitRots,
        Some(Planted::AppendRefused) => StoreDefect::AppendRefused,
        Some(Planted::ResultsSwapped | Planted::TimerForgotten | Planted::OrderFromOutside) | None => {
            return MemoryStore::default();
        }
    };
    MemoryStore::with_defect(defect)
}

/// Keeps the derived rows as they are now, when everything is flushed: what a later crash may leave of them.
pub(crate) fn checkpoint(disk: &MemoryStore) {
    if disk.unflushed() == 0 {
        disk.checkpoint();
    }
}

/// Loses what no flush has covered, as `chance` decides.
pub(crate) fn crash(disk: &MemoryStore, chance: &mut Chance) -> Crash {
    let kept = chance.place(disk.unflushed() + 1);
    let remains = match chance.below(3) {
        0 => Remains::Written,
        1 => Remains::Checkpoint,
        _ => Remains::Nothing,
    };
    disk.crash_but(kept, remains)
}
