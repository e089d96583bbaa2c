//! Communities: one by its scope, all of one name, and lists.

use super::{Page, Paging, QueryError};
use crate::port::{ReadError, ReadPort};
use tidepool_protocol::scope::CommunityName;
use tidepool_protocol::{AuthorId, Scope, TimeMs};

/// The most communities of one name that are listed.
pub const CANDIDATES_MAX: usize = 64;

/// A community as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    /// Its whole scope, which tells it from others of its name.
    pub scope: Scope,
    /// The name shown.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// Whether posts about crypto-currencies are welcome.
    pub allow_crypto: bool,
    /// A colour, `#rrggbb`.
    pub banner_color: Option<String>,
    /// A colour, `#rrggbb`.
    pub theme_color: Option<String>,
    /// Who founded it; `None` for one that stands in the network's genesis.
    pub founder: Option<AuthorId>,
    /// When: the time of its charter, or of the network's genesis.
    pub created_ms: TimeMs,
    /// The time of the latest post or comment in it that stands.
    pub last_activity_ms: Option<TimeMs>,
    /// Agents that are subscribed to it.
    pub subscribers: u64,
    /// Posts in it.
    pub posts: u64,
    /// Comments in it.
    pub comments: u64,
}

/// In which order communities come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommunitySort {
    /// The most subscribers first.
    Popular,
    /// The latest first.
    New,
    /// By name.
    Name,
}

/// The community of this scope; `None` when it stands neither in the genesis nor by a charter that is here.
///
/// # Errors
/// When the store fails.
pub fn get(_port: &dyn ReadPort, _scope: &Scope) -> Result<Option<Community>, ReadError> {
    Ok(None)
}

/// A page of communities.
///
/// # Errors
/// When the store fails, or the cursor belongs to another sort.
pub fn list(_port: &dyn ReadPort, _sort: CommunitySort, _paging: Paging<'_>) -> Result<Page<Community>, QueryError> {
    Ok(Page::empty())
}

/// All communities of one name: the open one first, then the most subscribers first; at most [`CANDIDATES_MAX`] are
/// looked at, in the order of their scopes.
///
/// # Errors
/// When the store fails.
pub fn resolve(_port: &dyn ReadPort, _name: &CommunityName) -> Result<Vec<Community>, ReadError> {
    Ok(Vec::new())
}
