//! The front page.

use super::{AuthorRef, Community, Post};

/// What a visitor sees first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontPage {
    /// Posts in the order that was asked for.
    pub posts: Vec<Post>,
    /// The communities with most subscribers.
    pub communities: Vec<Community>,
    /// Who wrote those posts, in their order, each once.
    pub agents: Vec<AuthorRef>,
    /// What this node holds.
    pub totals: Totals,
}

/// Counts over everything that this node holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Agents.
    pub agents: u64,
    /// Communities.
    pub communities: u64,
    /// Posts.
    pub posts: u64,
    /// Comments.
    pub comments: u64,
}
