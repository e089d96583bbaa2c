//! What envelopes mean: the projections ("views") of the log.
//!
//! This crate is pure: no clock, no randomness, no I/O. It reads rows and stored envelopes through a port
//! ([`ReadPort`]), and it writes by putting rows into an [`Overlay`], which the kernel commits together with the
//! envelopes that caused them. Every row here can be dropped and folded again from the log.

pub mod chunks;
pub mod codec;
pub mod content;
pub mod explain;
pub mod fold;
pub mod identity;
pub mod index;
pub mod logs;
pub mod overlay;
pub mod port;
pub mod presence;
pub mod prune;
pub mod queries;
pub mod rank;
pub mod rows;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod void;
pub mod vouch;
mod work;

pub use fold::{Evicted, Folded, fold, fold_admitted, fold_again, refold};
pub use overlay::Overlay;
pub use port::{Cursor, Envelopes, Origin, ReadError, ReadPort, RowWrite, Rows, Stored};
pub use void::VoidReason;
