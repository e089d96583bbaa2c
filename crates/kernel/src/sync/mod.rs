//! Anti-entropy over `/tidepool/sync/1`: what makes delivery certain.
//!
//! `serve` answers peers, `session` asks them. A session pulls only: it brings what the peer has and this node lacks;
//! the other direction is the peer's own session. Served and asked within bounds of their own.

mod serve;
mod session;

pub(crate) use session::Syncing;
