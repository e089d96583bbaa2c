//! From what people call an agent or a community to which one it is.

use tidepool_protocol::AgentId;

/// One of several agents of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub id: AgentId,
    /// Its handle.
    pub handle: String,
    /// How many follow it, as far as this node sees.
    pub followers: u64,
}
