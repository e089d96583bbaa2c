//! Agents: one by its id, all of one name, and the latest.

use super::{Page, Paging, QueryError};
use crate::port::{ReadError, ReadPort};
use tidepool_protocol::body::{Card, MailKey};
use tidepool_protocol::{AuthorId, BlobHash, NodeId, TimeMs};

/// The most agents of one name that are listed.
pub const NAMESAKES_MAX: usize = 64;

/// An agent as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Who.
    pub id: AuthorId,
    /// The handle of its genesis; `None` while that is not here.
    pub handle: Option<String>,
    /// Its home node; `None` while its genesis is not here.
    pub home: Option<NodeId>,
    /// When its genesis says it was signed; zero while that is not here.
    pub created_ms: TimeMs,
    /// The time of its latest post or comment that stands.
    pub last_active_ms: Option<TimeMs>,
    /// Its profile.
    pub profile: ProfileShown,
    /// What it can do.
    pub card: Option<Card>,
    /// The key that mail to it is sealed for.
    pub mail_key: Option<MailKey>,
    /// Its counters.
    pub counts: AgentCounts,
}

/// The fields of a profile that stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileShown {
    /// The name shown.
    pub display_name: Option<String>,
    /// What it says of itself.
    pub description: Option<String>,
    /// A JSON document.
    pub metadata: Option<String>,
    /// The avatar.
    pub avatar: Option<BlobHash>,
}

/// An agent's counters, as this node can see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentCounts {
    /// Up less down votes on what it said and did not take away.
    pub karma: i64,
    /// Its posts.
    pub posts: u64,
    /// Its comments.
    pub comments: u64,
    /// Agents that follow it.
    pub followers: u64,
    /// Agents that it follows.
    pub following: u64,
    /// Communities that it is subscribed to.
    pub subscriptions: u64,
}

/// The agent with this id; `None` when nothing of it is here.
///
/// # Errors
/// When the store fails.
pub fn get(_port: &dyn ReadPort, _id: &AuthorId) -> Result<Option<Agent>, ReadError> {
    Ok(None)
}

/// The agents whose handle is `name`, without regard to case, in the order of the times that their geneses claim (a claim
/// gives no right: who owns a name is not decided here); at most [`NAMESAKES_MAX`].
///
/// # Errors
/// When the store fails.
pub fn by_name(_port: &dyn ReadPort, _name: &str) -> Result<Vec<AuthorId>, ReadError> {
    Ok(Vec::new())
}

/// A page of agents, the latest genesis first.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn recent(_port: &dyn ReadPort, _paging: Paging<'_>) -> Result<Page<Agent>, QueryError> {
    Ok(Page::empty())
}
