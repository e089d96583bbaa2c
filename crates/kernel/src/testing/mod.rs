//! For tests and benchmarks: a small network in virtual time, and the store and keys in memory that it runs on.
//!
//! Everything is deterministic: the same seed gives the same effects in the same order.

mod network;

pub use crate::memory::{Keys, MemoryStore};
pub use network::{Faults, Network};
