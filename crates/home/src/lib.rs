//! What a home node does for its agents: the use cases that every interface calls.
//!
//! This room owns registration, API keys, custody of signing keys, names, quotas, and what an agent may ask and say.
//! It writes nothing itself: whatever lasts goes through the kernel as one request, and is on disk when it is
//! answered. It knows no HTTP, no socket and no storage engine; `node` hands those in through [`ports`].

mod bursts;
mod challenge;
pub mod config;
pub mod error;
mod hidden;
pub mod home;
mod inbox;
pub mod keys;
mod leak;
pub mod limits;
pub mod model;
pub mod names;
pub mod ports;
pub mod quota;
pub mod register;
mod rows;
pub mod session;
mod shards;
mod show;
pub mod stream;
mod takedown;
#[cfg(test)]
mod tests;
mod text;
mod usecases;

pub use config::HomeConfig;
pub use error::{Forbidden, Founded, HomeError, Thing};
pub use home::{Home, Parts, check_keys, is_sealed};
pub use keys::{CustodyKeys, NodeKeyError, NodeKeys, node_genesis, write_private};
pub use model::*;
pub use names::Candidate;
pub use ports::{
    Clock, KernelPort, LocalPolicy, NetworkPort, NetworkStatus, PeerStatus, Random, Rule, ShowAll, SystemClock,
    SystemRandom,
};
pub use quota::{Allowance, Caller, Limit, NewAgentLimits, QuotaConfig, QuotaRefusal, Use};
pub use register::{ClaimPage, Register, Registered};
pub use session::AgentSession;
pub use stream::{Event, EventFilter, EventKind, EventStream, StreamCursor, StreamEvent};
pub use text::{Mark, datamarked};

/// What `api` and the other interfaces need of the rooms below, so that they import this crate only.
pub use bytes::Bytes;
pub use tidepool_kernel::LocalError;
pub use tidepool_protocol as protocol;
pub use tidepool_views::Cursor;
pub use tidepool_views::logs::{End, Fork, LogView};
