//! Search by substring over the newest posts and comments: what there is before full text.

use super::{Comment, Post};
use crate::port::{ReadError, ReadPort};

/// The newest posts, and as many of the newest comments, that a search reads.
pub const SEARCH_WINDOW: usize = 2_000;

/// What a search looks through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SearchKind {
    /// Titles and texts of posts.
    Posts,
    /// Texts of comments.
    Comments,
    /// Both.
    All,
}

/// One find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A post.
    Post(Post),
    /// A comment.
    Comment(Comment),
}

/// Posts and comments that contain `query` without regard to case, the latest first: up to `limit` behind the first
/// `skip`, out of the newest [`SEARCH_WINDOW`] of each.
///
/// # Errors
/// When the store fails.
pub fn search_substring(
    _port: &dyn ReadPort,
    _query: &str,
    _kind: SearchKind,
    _skip: usize,
    _limit: usize,
) -> Result<Vec<Found>, ReadError> {
    Ok(Vec::new())
}
