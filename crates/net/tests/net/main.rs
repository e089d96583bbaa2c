//! Real swarms on loopback, one binary. Every wait is for a condition and has a deadline; nothing sleeps.

#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod gossip;
mod support;
mod sync;
