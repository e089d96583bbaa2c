//! The node as a state machine: `Node::step(Input, now, &mut Outbox)`.
//!
//! This crate is pure: time is an argument, timers are values, the network and the signatures are [`Input`]s and
//! [`Effect`]s, and the store and the custody of keys are synchronous ports. The same code runs in the node, in the
//! tests and in a simulator; the same inputs give the same effects.

pub mod admission;
mod bundler;
mod checkpoints;
pub mod clock;
mod compose;
pub mod counters;
pub mod custody;
pub mod digest;
pub mod effect;
mod gaps;
mod gate;
mod handle;
mod heads;
mod held;
pub mod input;
mod intake;
pub mod local;
mod locate;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
pub mod node;
mod outbox;
pub mod peer;
mod pending;
pub mod planted;
mod presence;
mod random;
mod requests;
pub mod retention;
pub mod settings;
pub mod store;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod turn;

pub use clock::{Now, Steady};
pub use counters::Counters;
pub use custody::Custody;
pub use effect::{Effect, Offence, Outbox, Verdict};
pub use heads::{restored_mark, restored_row};
pub use held::held;
pub use input::{Input, Invalid, PublishOutcome, RequestFailure, Timer};
pub use local::{Compose, LocalError, LocalRequest, Receipt, RowExpect, Ticket};
pub use node::Node;
pub use peer::{Channel, GossipId, Peer, RequestId};
pub use retention::Retention;
pub use settings::{Coverage, Limits, NodeSettings};
pub use store::{Batch, Store, StoreError, StoreReader};
pub use sync::Cover;
