//! Anti-entropy over `/tidepool/sync/1`: what makes delivery certain.
//!
//! `serve` answers peers, a `session` asks them: it compares (`compare`) and brings what is lacked (`bring`). A session
//! pulls only; the other direction is the peer's own session. `rounds` begins and ends them. Served and asked within
//! bounds of their own.

mod bring;
mod compare;
mod cover;
pub(crate) mod cursors;
mod reconcile;
mod rounds;
mod serve;
mod session;
#[cfg(test)]
mod tests;
mod work;

pub use cover::Cover;
pub(crate) use session::Syncing;
