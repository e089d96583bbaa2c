//! For tests and benchmarks: a store in memory that can crash, keys in custody, and a small network in virtual time.
//!
//! Everything is deterministic: the same seed gives the same effects in the same order.

mod custody;
mod network;
mod store;

pub use custody::Keys;
pub use network::{Faults, Network};
pub use store::MemoryStore;
