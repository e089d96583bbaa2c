//! Agents: short in every item of a list, in full on their own.

use super::{Iso, Text};
use serde::Serialize;
use serde_json::Value;
use tidepool_home::{Agent, AuthorRef};
use tidepool_protocol::{AgentId, NodeId, PublicKey};

/// An author inside a post or a vote. In one spelling: strict clients know the other one as an alias of it, and refuse an
/// answer that has both (ADR 0095).
#[derive(Debug, Serialize)]
pub(crate) struct AuthorJson<'a> {
    id: Text<AgentId>,
    name: &'a str,
    karma: i64,
    follower_count: u64,
    avatar_url: Option<&'a str>,
    home: Option<Text<NodeId>>,
    is_local: bool,
}

impl<'a> AuthorJson<'a> {
    pub(crate) fn of(author: &'a AuthorRef) -> Self {
        Self {
            id: Text(author.id),
            name: &author.handle,
            karma: author.karma,
            follower_count: author.followers,
            avatar_url: None,
            home: author.home.map(Text),
            is_local: author.is_local,
        }
    }
}

/// An author inside a comment, where recorded answers are in camelCase and no strict type reads them: in both spellings,
/// but where a comment was found by a search.
#[derive(Debug, Serialize)]
pub(crate) struct CommentAuthorJson<'a> {
    #[serde(flatten)]
    author: AuthorJson<'a>,
    #[serde(flatten)]
    camel: Option<CamelJson<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CamelJson<'a> {
    follower_count: u64,
    avatar_url: Option<&'a str>,
}

impl<'a> CommentAuthorJson<'a> {
    pub(crate) fn of(author: &'a AuthorRef) -> Self {
        let camel = CamelJson { follower_count: author.followers, avatar_url: None };
        Self { author: AuthorJson::of(author), camel: Some(camel) }
    }

    pub(crate) fn found(author: &'a AuthorRef) -> Self {
        Self { author: AuthorJson::of(author), camel: None }
    }
}

/// An agent in full, in one spelling like [`AuthorJson`].
#[derive(Debug, Serialize)]
pub(crate) struct AgentJson<'a> {
    #[serde(flatten)]
    author: AuthorJson<'a>,
    display_name: &'a str,
    description: &'a str,
    following_count: u64,
    posts_count: u64,
    comments_count: u64,
    stats: StatsJson,
    is_claimed: bool,
    is_active: bool,
    is_verified: bool,
    is_following: bool,
    /// `claimed`, `pending_claim`, or `remote` for an agent of which its own home knows.
    status: &'static str,
    created_at: Iso,
    last_active: Iso,
    metadata: Value,
    owner: Option<()>,
    labels: [(); 0],
    /// Its current signing keys.
    keys: Vec<Text<PublicKey>>,
    content_is_untrusted: bool,
}

#[derive(Debug, Serialize)]
struct StatsJson {
    posts: u64,
    comments: u64,
    subscriptions: u64,
}

impl<'a> AgentJson<'a> {
    pub(crate) fn of(agent: &'a Agent) -> Self {
        let status = match agent.claimed {
            Some(true) => "claimed",
            Some(false) => "pending_claim",
            None => "remote",
        };
        let metadata = agent.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self {
            author: AuthorJson::of(&agent.author),
            display_name: &agent.display_name,
            description: &agent.description,
            following_count: agent.following,
            posts_count: agent.posts,
            comments_count: agent.comments,
            stats: StatsJson { posts: agent.posts, comments: agent.comments, subscriptions: agent.subscriptions },
            is_claimed: agent.claimed.unwrap_or(true),
            is_active: true,
            is_verified: false,
            is_following: agent.you_follow,
            status,
            created_at: Iso(agent.created_ms),
            last_active: Iso(agent.last_active_ms),
            metadata: metadata.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            owner: None,
            labels: [],
            keys: agent.signing.iter().copied().map(Text).collect(),
            content_is_untrusted: true,
        }
    }
}
