//! Defects that are put in on purpose, to see that the checkers find them. Nothing but tests asks for one.
//!
//! These stand in the simulator's own adapters: what a driver, a disk or a network adapter can do wrong. Others stand in
//! the kernel, behind its feature `planted`.

use serde::{Deserialize, Serialize};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planted {
    /// A flush is answered and makes nothing durable.
    FlushIsNone,
    /// After a crash the disk says that derived rows are complete when they are not.
    DerivedUptoLies,
    /// Envelopes that leave the log stay in it.
    ErasedStays,
    /// The answers of the verifying threads for more than two envelopes come back in the wrong order.
    ResultsSwapped,
    /// After a restart the timer of anti-entropy is never set.
    TimerForgotten,
    /// The driver carries out what it was told in an order that differs from run to run.
    OrderFromOutside,
    /// A crash turns a bit of the last envelope on the disk.
    BitRots,
    /// The disk refuses a write although nothing is wrong with it.
    AppendRefused,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::FlushIsNone,
        Self::DerivedUptoLies,
        Self::ErasedStays,
        Self::ResultsSwapped,
        Self::TimerForgotten,
        Self::OrderFromOutside,
        Self::BitRots,
        Self::AppendRefused,
    ];
}
