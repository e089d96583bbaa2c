//! Identities: the state that every operation made, the branch that wins, the keys that are closed.

use crate::port::{ReadError, Rows};
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, NodeId, PublicKey};

/// The most agents of one handle that a query names.
pub const BY_HANDLE_MAX: usize = 64;

/// An identity as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The state after the last operation of the winning branch.
    pub state: IdentityState,
    /// Whether two equal operations extend that state, so that neither counts.
    pub frozen: bool,
    /// Keys that an operation of the winning branch closed, in the order of their closing.
    pub closed: Vec<PublicKey>,
}

/// The identity of `author` as it stands now; `None` when its genesis is not here.
///
/// # Errors
/// When the store fails.
pub fn current(rows: &dyn Rows, author: AuthorId) -> Result<Option<Identity>, ReadError> {
    let _ = (rows, author);
    Ok(None)
}

/// The state that `operation` made, on whatever branch it stands: what admission checks an envelope's `auth` against.
///
/// # Errors
/// When the store fails.
pub fn state_at(rows: &dyn Rows, author: AuthorId, operation: &EnvelopeId) -> Result<Option<IdentityState>, ReadError> {
    let _ = (rows, author, operation);
    Ok(None)
}

/// Every operation of `author` that is here, each behind the one it extends: what a peer needs to admit the author.
///
/// # Errors
/// When the store fails.
pub fn chain(rows: &dyn Rows, author: AuthorId) -> Result<Vec<EnvelopeId>, ReadError> {
    let _ = (rows, author);
    Ok(Vec::new())
}

/// The agents whose handle is `handle_lowercase`, by id, at most [`BY_HANDLE_MAX`].
///
/// # Errors
/// When the store fails.
pub fn by_handle(rows: &dyn Rows, handle_lowercase: &str) -> Result<Vec<AgentId>, ReadError> {
    let _ = (rows, handle_lowercase);
    Ok(Vec::new())
}

/// Agents whose home is `home`, by id, behind `after`, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn of_home(rows: &dyn Rows, home: NodeId, after: Option<AgentId>, limit: usize) -> Result<Vec<AgentId>, ReadError> {
    let _ = (rows, home, after, limit);
    Ok(Vec::new())
}

/// The key that names the PeerId of `node` now.
///
/// # Errors
/// When the store fails.
pub fn node_key(rows: &dyn Rows, node: NodeId) -> Result<Option<PublicKey>, ReadError> {
    Ok(current(rows, node.into())?
        .filter(|identity| identity.state.is_node)
        .and_then(|identity| identity.state.signing.first().map(|entry| entry.key)))
}
