//! The store on sled.
//!
//! Nothing here interprets a row or an envelope. One lock ([`shared::Writer`]) orders appends against checkpoints;
//! readers take none of it. The engine is called in [`engine`] only.

mod cache;
mod carve;
mod checkpoint;
mod engine;
mod error;
mod flush;
mod layout;
mod marker;
mod open;
mod ordered;
mod pages;
mod quarantine;
mod reader;
mod redo;
mod salvage;
mod settings;
mod shared;
mod spans;
mod store;
mod tail;

pub use error::OpenError;
pub use marker::Acknowledged;
pub use quarantine::OnDamage;
pub use reader::SledReader;
pub use salvage::{Salvaged, salvage};
pub use settings::{Alarm, CheckpointLimits, FreeSpace, Hook, OpenSettings, Point, Probe};
pub use store::SledStore;
