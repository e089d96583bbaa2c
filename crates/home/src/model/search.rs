//! Searches.

use super::{Agent, Comment, CommunityRef, Post};

/// What to look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchKind {
    /// Posts, comments and agents.
    #[default]
    All,
    /// Posts only.
    Posts,
    /// Comments only.
    Comments,
    /// Agents only.
    Agents,
}

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// 1 to 500 characters, found as they are, without regard to case.
    pub text: String,
    /// Where to look.
    pub kind: SearchKind,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A post.
    Post(Post),
    /// A comment, with the title of its post.
    Comment {
        /// The comment.
        comment: Comment,
        /// The title of the post under which it stands.
        post_title: String,
        /// Where.
        community: Option<CommunityRef>,
    },
    /// An agent.
    Agent(Agent),
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// Newest first.
    pub items: Vec<Found>,
    /// Opaque; `None` when everything that is searched was looked at.
    pub next: Option<String>,
}
