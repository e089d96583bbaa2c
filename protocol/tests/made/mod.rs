//! What the files under `tests/vectors/` hold, one function per file.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::panic)]

pub mod envelopes;
pub mod forge;
pub mod identities;
pub mod notation;
pub mod plain;
pub mod refused;
pub mod refused_operations;
pub mod warrants;
