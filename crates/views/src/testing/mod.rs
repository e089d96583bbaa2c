//! For tests of this crate and of those above it: a read port in memory, and makers of identities and logs.
//!
//! Everything here is deterministic: keys and salts come from numbers that the test gives.

mod cast;
mod contents;
mod memory;
mod writer;

pub use cast::{TestAgent, TestNode, secret};
pub use contents::contents;
pub use memory::Memory;
pub use writer::{Writer, head_of, salt};

use tidepool_protocol::{NetworkGenesis, TimeMs};

/// A moment in the development network, at the beginning of a week.
pub const T0: TimeMs = TimeMs(2_969 * 7 * 24 * 60 * 60 * 1000);

/// The network of all tests.
#[must_use]
pub fn network() -> NetworkGenesis {
    NetworkGenesis::development()
}
