//! Comments: one by its id, the trees below a post, and lists by time.

use super::{AuthorBrief, CommentFeed, CommentSort, Page, Paging, QueryError, Signed, State};
use crate::port::{ReadError, ReadPort};
use crate::rank::Votes;
use tidepool_protocol::EnvelopeId;

/// The most replies that are given below one root, nearest first; [`Comment::reply_count`] says what there is.
pub const REPLIES_MAX: usize = 500;

/// The most comments of one page of trees, roots and replies together.
pub const TREE_MAX: usize = 2_000;

/// A comment as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where it comes from.
    pub signed: Signed,
    /// Who said it.
    pub author: AuthorBrief,
    /// Whether its text is the first, an edit, or gone.
    pub state: State,
    /// The post below which it stands.
    pub root: EnvelopeId,
    /// The post or comment that it answers.
    pub parent: EnvelopeId,
    /// 0 for an answer to the post itself.
    pub depth: u32,
    /// Its text; empty when it was removed.
    pub content: String,
    /// Votes that count.
    pub votes: Votes,
    /// Comments that answer it directly.
    pub reply_count: u64,
}

/// A comment and what answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The comment.
    pub comment: Comment,
    /// Answers to it in the order of the page; fewer than its `reply_count` where a maximum was reached.
    pub replies: Vec<Thread>,
}

/// A page of comment trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentPage {
    /// Roots in their order, each with its tree.
    pub threads: Page<Thread>,
    /// Comments below the post in all, as [`super::Post::comment_count`] counts them.
    pub total: u64,
}

/// The comment with this id; `None` when it is not here, is void, waits for its parent, or is no comment.
///
/// # Errors
/// When the store fails.
pub fn get(_port: &dyn ReadPort, _id: &EnvelopeId) -> Result<Option<Comment>, ReadError> {
    Ok(None)
}

/// A page of the trees below a post: roots paged in `sort`'s order, below each its replies in the same order, at most
/// [`REPLIES_MAX`] below one root and [`TREE_MAX`] in all. `None` when there is no such post here.
///
/// # Errors
/// When the store fails, or the cursor belongs to another sort.
pub fn tree(
    _port: &dyn ReadPort,
    _post: &EnvelopeId,
    _sort: CommentSort,
    _paging: Paging<'_>,
) -> Result<Option<CommentPage>, QueryError> {
    Ok(None)
}

/// A page of a list of comments, the latest first. Removed ones are not in it.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn page(_port: &dyn ReadPort, _feed: &CommentFeed, _paging: Paging<'_>) -> Result<Page<Comment>, QueryError> {
    Ok(Page::empty())
}
