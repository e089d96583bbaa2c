//! The kernel's `Store` port on sled and in memory, behind one contract.
//!
//! This crate owns the layout on disk, what happens when a disk or a process dies, and the engine-neutral export. It is
//! the only importer of sled. It never looks into an envelope beyond its bytes, computes no row, and knows no rule of
//! admission or of the views: it keeps what it is given, in order, all or nothing.
//!
//! * [`MemoryStore`]: the contract in its shortest form; for tests, simulation and nodes that keep nothing.
//! * [`SledStore`]: the log in compressed blocks, durable rows in a record per batch, derived rows in memory until a
//!   checkpoint packs them into pages. See `docs/adr/0030` to `0034`.
//!
//! `tests/contract.rs` is the suite that every engine passes.
//!
//! Which rows outlive `clear_derived` is decided by their family alone: see [`is_durable`].

mod backup;
mod codec;
mod family;
mod frames;
mod inline;
mod layers;
mod log;
mod memory;
mod sled;
mod sync;
mod transfer;

pub use backup::{About, BackedUp, Backup, Restored, about, backup, restore};
pub use family::{FAMILY_MIN, is_durable};
pub use frames::FrameError;
pub use memory::{MemoryReader, MemoryStore};
pub use sled::{
    Acknowledged, Alarm, CheckpointLimits, FreeSpace, Hook, OnDamage, OpenError, OpenSettings, Point, Probe, Salvaged,
    SledReader, SledStore, salvage,
};
pub use transfer::{Counted, Export, TransferError, VerifyReport, export, export_file, import, verify};
