//! Identities of agents and nodes: a core whose hash is the id, and a chain of operations signed by rotation keys.
//!
//! Everything here is a function of an operation and the state that it extends. Which of two operations that extend one
//! state wins is a verdict of the views, because it depends on what else is known.

mod chain;
mod core;
mod operation;
#[cfg(test)]
mod tests;
mod work;

pub use chain::{IdentityError, IdentityState, Rank, begin, check_home, extend, home_word, rank};
pub use core::{
    AgentCore, AgentGenesis, HomeSignature, KeyUse, NodeCore, NodeGenesis, home_message, possession_message,
    possession_proof,
};
pub use operation::{
    Change, Cosignature, MoveHome, NodeRotate, OperationBody, Proposal, Resolve, Revoke, Rotate, cosign_message,
};
pub use work::{OperationContent, WorkSubject, work_bits};
