//! Real swarms on loopback, one binary. Every wait is for a condition and has a deadline; nothing sleeps.

#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod conduct;
mod discovery;
mod gossip;
mod raw;
mod support;
mod sync;
