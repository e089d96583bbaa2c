//! A store and keys in memory: what simulations and tests run a kernel on.
//!
//! Behind the feature `memory`, so that a node has neither; the feature opens nothing else.

mod keys;
mod store;

pub use keys::Keys;
pub use store::{Crash, FlushPoint, MemoryStore, Remains, StoreDefect};
