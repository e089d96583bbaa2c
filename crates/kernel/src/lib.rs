//! The node as a state machine: `Node::step(Input, now, &mut Outbox)`.
//!
//! This crate is pure: time is an argument, timers are values, the network and the signatures are [`Input`]s and
//! [`Effect`]s, and the store and the custody of keys are synchronous ports. The same code runs in the node, in the
//! tests and in a simulator; the same inputs give the same effects.

pub mod admission;
pub mod custody;
pub mod effect;
pub mod input;
pub mod local;
pub mod peer;
pub mod store;

pub use custody::Custody;
pub use effect::{Effect, Outbox, Verdict};
pub use input::{Input, Invalid, PublishOutcome, RequestFailure, Timer};
pub use local::{Compose, LocalError, LocalRequest, Receipt, RowExpect, Ticket};
pub use peer::{Channel, GossipId, Peer, RequestId};
pub use store::{Batch, Store, StoreError, StoreReader};
