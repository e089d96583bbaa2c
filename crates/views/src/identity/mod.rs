//! Identities: the state that every operation made, the branch that wins, the keys that are closed.

pub(crate) mod branch;
pub(crate) mod fold;
mod row;

pub(crate) use row::{Branch, Operation, Summary};

use crate::codec;
use crate::port::{ReadError, Rows};
use crate::rows;
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, NodeId, PublicKey};

/// The most agents of one handle that a query names.
pub const BY_HANDLE_MAX: usize = 64;

/// An identity as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The state after the last operation of the winning branch.
    pub state: IdentityState,
    /// Whether equal operations extend that state, so that none of them counts.
    pub frozen: bool,
    /// Keys that an operation of the winning branch closed, in the order of their closing.
    pub closed: Vec<PublicKey>,
    /// The operations of the winning branch, the genesis first.
    pub path: Vec<EnvelopeId>,
}

pub(crate) fn summary(rows: &dyn Rows, author: AuthorId) -> Result<Option<Summary>, ReadError> {
    Summary::get(rows, &author)
}

/// The identity of `author` as it stands now; `None` when its genesis is not here.
///
/// # Errors
/// When the store fails.
pub fn current(rows: &dyn Rows, author: AuthorId) -> Result<Option<Identity>, ReadError> {
    let Some(summary) = Summary::get(rows, &author)? else { return Ok(None) };
    let state = summary.current(rows)?;
    let path = std::iter::once(summary.genesis.operation).chain(summary.branch.path).collect();
    Ok(Some(Identity { state, frozen: !summary.branch.tied.is_empty(), closed: summary.branch.closed, path }))
}

/// The state that `operation` made, on whatever branch it stands: what admission checks an envelope's `auth` against.
///
/// # Errors
/// When the store fails.
pub fn state_at(rows: &dyn Rows, author: AuthorId, operation: &EnvelopeId) -> Result<Option<IdentityState>, ReadError> {
    match Summary::get(rows, &author)? {
        Some(summary) => summary.state_at(rows, operation),
        None => Ok(None),
    }
}

/// Every operation of `author` that is here, each behind the one it extends: what a peer needs to admit the author.
///
/// # Errors
/// When the store fails.
pub fn chain(rows: &dyn Rows, author: AuthorId) -> Result<Vec<EnvelopeId>, ReadError> {
    let Some(summary) = Summary::get(rows, &author)? else { return Ok(Vec::new()) };
    let mut chain = vec![summary.genesis.operation];
    if summary.branch.operations > 0 {
        chain.extend(Operation::all(rows, &author)?.iter().map(|operation| operation.state.operation));
    }
    Ok(chain)
}

/// The agents whose handle is `handle_lowercase`, by id, at most [`BY_HANDLE_MAX`].
///
/// # Errors
/// When the store fails.
pub fn by_handle(rows: &dyn Rows, handle_lowercase: &str) -> Result<Vec<AgentId>, ReadError> {
    let prefix = codec::key(rows::HANDLE, &[handle_lowercase.as_bytes(), &[0]]);
    agents(rows, &prefix, &prefix, BY_HANDLE_MAX)
}

/// Agents whose home is `home`, by id, behind `after`, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn of_home(rows: &dyn Rows, home: NodeId, after: Option<AgentId>, limit: usize) -> Result<Vec<AgentId>, ReadError> {
    let prefix = codec::key(rows::HOME, &[&home.0]);
    let from = match after {
        Some(agent) => [prefix.as_slice(), &agent.0, &[0]].concat(),
        None => prefix.clone(),
    };
    agents(rows, &from, &prefix, limit)
}

fn agents(rows: &dyn Rows, from: &[u8], prefix: &[u8], limit: usize) -> Result<Vec<AgentId>, ReadError> {
    let mut found = Vec::new();
    if limit > 0 {
        rows.scan(from, &codec::prefix_end(prefix), &mut |key, _| {
            found.extend(key.last_chunk::<32>().map(|id| AgentId(*id)));
            found.len() < limit
        })?;
    }
    Ok(found)
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
