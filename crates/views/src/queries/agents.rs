//! Agents: one by its id, all of one name, and the latest.

use super::fields::{Fields, latest};
use super::{Page, Paging, QueryError, list_page};
use crate::chunks::Direction;
use crate::content::agents;
use crate::content::counters::{self, AgentRow};
use crate::content::keys::{self, Owner, author_tag};
use crate::identity;
use crate::port::{ReadError, ReadPort};
use tidepool_protocol::body::{Card, MailKey};
use tidepool_protocol::{AuthorId, BlobHash, Body, NodeId, TimeMs};

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
pub fn get(port: &dyn ReadPort, id: &AuthorId) -> Result<Option<Agent>, ReadError> {
    let state = identity::current(port, *id)?.map(|identity| identity.state);
    let row = counters::agent(port, id)?;
    if state.as_ref().map_or(row == AgentRow::default(), |state| state.is_node) {
        return Ok(None);
    }
    let fields = Fields { port, all: keys::of_author(keys::FIELDS, id) };
    let profile = |body| if let Body::Profile(profile) = body { Some(profile) } else { None };
    let card = |body| if let Body::Card(card) = body { Some(card) } else { None };
    let mail_key = |body| if let Body::MailKey(key) = body { Some(key) } else { None };
    Ok(Some(Agent {
        id: *id,
        created_ms: state.as_ref().map_or(TimeMs(0), |state| state.genesis_ms),
        home: state.as_ref().and_then(|state| state.home),
        handle: state.map(|state| state.handle),
        last_active_ms: latest(port, Owner::Author(author_tag(id)))?,
        profile: ProfileShown {
            display_name: fields.get(agents::DISPLAY_NAME, profile)?.and_then(|profile| profile.display_name),
            description: fields.get(agents::DESCRIPTION, profile)?.and_then(|profile| profile.description),
            metadata: fields.get(agents::METADATA, profile)?.and_then(|profile| profile.metadata),
            avatar: fields.get(agents::AVATAR, profile)?.and_then(|profile| profile.avatar?.first().copied()),
        },
        card: fields.get(agents::CARD, card)?,
        mail_key: fields.get(agents::MAIL_KEY, mail_key)?,
        counts: AgentCounts {
            karma: row.karma,
            posts: row.posts.unsigned_abs(),
            comments: row.comments.unsigned_abs(),
            followers: row.followers.unsigned_abs(),
            following: row.following.unsigned_abs(),
            subscriptions: row.subscriptions.unsigned_abs(),
        },
    }))
}

/// The agents whose handle is `name`, without regard to case, in the order of their ids (nobody has a right to a name
/// here); at most [`NAMESAKES_MAX`].
///
/// # Errors
/// When the store fails.
pub fn by_name(port: &dyn ReadPort, name: &str) -> Result<Vec<AuthorId>, ReadError> {
    let mut found = identity::by_handle(port, &name.to_ascii_lowercase())?;
    found.truncate(NAMESAKES_MAX);
    Ok(found.into_iter().map(AuthorId::from).collect())
}

/// A page of agents, the latest genesis first.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn recent(port: &dyn ReadPort, paging: Paging<'_>) -> Result<Page<Agent>, QueryError> {
    list_page(port, &keys::recent_agents(), Direction::Up, paging, |key, _| match AuthorId::from_slice(&key[6..]) {
        Some(id) => get(port, &id),
        None => Ok(None),
    })
}
