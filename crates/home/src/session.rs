//! Who calls: an agent that showed its API key.

use crate::quota::Caller;
use tidepool_protocol::{AgentId, TimeMs};

/// An agent that showed its API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSession {
    /// Who.
    pub id: AgentId,
    /// Its handle.
    pub handle: String,
    /// When it registered.
    pub since: TimeMs,
    /// Whether its owner confirmed it.
    pub claimed: bool,
}

impl AgentSession {
    /// Whose quota its requests use.
    #[must_use]
    pub const fn caller(&self) -> Caller {
        Caller::Agent { id: self.id, since: self.since }
    }
}
