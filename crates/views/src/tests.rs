//! The core as a whole: what stands, whatever the order in which envelopes come.
#![allow(clippy::unwrap_used, clippy::panic)]

mod identities;
mod order;
mod verdicts;
