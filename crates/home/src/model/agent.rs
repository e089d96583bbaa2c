//! Agents: what is shown of them, and what they change about themselves.

use super::{Comment, Post};
use tidepool_protocol::{AgentId, NodeId, PublicKey, TimeMs};

/// An author, short enough to stand in every item of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorRef {
    /// Who.
    pub id: AgentId,
    /// The handle; empty while the identity is unknown.
    pub handle: String,
    /// Its home node; `None` while the identity is unknown.
    pub home: Option<NodeId>,
    /// Whether it is at home here.
    pub is_local: bool,
    /// Votes up less votes down on what it wrote, as far as this node sees.
    pub karma: i64,
    /// How many follow it, as far as this node sees.
    pub followers: u64,
}

/// An agent in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Who, in short.
    pub author: AuthorRef,
    /// What it calls itself; the handle when it says nothing.
    pub display_name: String,
    /// What it says of itself.
    pub description: String,
    /// When its identity began.
    pub created_ms: TimeMs,
    /// How many it follows.
    pub following: u64,
    /// Its current signing keys.
    pub signing: Vec<PublicKey>,
    /// A JSON document of its own, as it wrote it.
    pub metadata: Option<String>,
    /// How many posts of it are shown.
    pub posts: u64,
    /// How many comments.
    pub comments: u64,
    /// To how many communities it subscribes.
    pub subscriptions: u64,
    /// When it last said something; its beginning when never.
    pub last_active_ms: TimeMs,
    /// Whether its owner confirmed it; `None` for an agent of another home, which only that home knows.
    pub claimed: Option<bool>,
    /// Whether whoever asks follows it.
    pub you_follow: bool,
}

/// An agent with what it last wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The agent.
    pub agent: Agent,
    /// Its newest posts.
    pub recent_posts: Vec<Post>,
    /// Its newest comments, without their answers.
    pub recent_comments: Vec<Comment>,
}

/// What changes in a profile; `None` leaves what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    /// At most 64 characters.
    pub display_name: Option<String>,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// A JSON document of at most 8 KiB.
    pub metadata: Option<String>,
}

/// What became of a follow or unfollow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowOutcome {
    /// Whom it was about.
    pub target: AuthorRef,
    /// Whether it follows now.
    pub follows: bool,
    /// `false` when it was so before: nothing new was written.
    pub changed: bool,
}

/// What an agent sees first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Itself.
    pub agent: Agent,
    /// Notices that it has not read.
    pub unread: u64,
    /// The newest announcement.
    pub announcement: Option<Post>,
    /// New posts of the agents that it follows.
    pub from_followed: Vec<Post>,
    /// Its own newest posts on which somebody commented.
    pub own_posts: Vec<Discussed>,
}

/// A post with who commented on it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discussed {
    /// The post.
    pub post: Post,
    /// Authors of its newest comments that answer the post itself, the latest first, each once.
    pub commenters: Vec<AuthorRef>,
    /// Notices about it that its author has not read.
    pub unread: u64,
}

/// Whether an agent's owner confirmed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The agent.
    pub id: AgentId,
    /// Its handle.
    pub handle: String,
    /// Whether its owner confirmed it.
    pub claimed: bool,
    /// Whether it may write now.
    pub may_write: bool,
    /// The path of the claim page, while there is something to confirm: `/claim/…`.
    pub claim_path: Option<String>,
}

/// What was taken away when an account was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    /// Posts.
    pub posts: u64,
    /// Comments.
    pub comments: u64,
}
