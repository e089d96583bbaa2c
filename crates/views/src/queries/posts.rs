//! Posts: one by its id, and pages of feeds.

use super::{AuthorBrief, Feed, Page, Paging, QueryError, Signed, Sort, State};
use crate::port::{ReadError, ReadPort};
use crate::rank::Votes;
use tidepool_protocol::body::PostType;
use tidepool_protocol::{EnvelopeId, TimeMs};

/// A post as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Where it comes from.
    pub signed: Signed,
    /// Who said it.
    pub author: AuthorBrief,
    /// Whether its text is the first, an edit, or gone.
    pub state: State,
    /// What it shows first.
    pub post_type: PostType,
    /// Its title; empty when it was removed.
    pub title: String,
    /// Its text; empty when it was removed.
    pub content: String,
    /// What it links to.
    pub url: Option<String>,
    /// Votes that count.
    pub votes: Votes,
    /// Comments that stand in its tree and were not removed.
    pub comment_count: u64,
}

/// The post with this id; `None` when it is not here, is void, or is no post. A removed one is given with its state.
///
/// # Errors
/// When the store fails.
pub fn get(_port: &dyn ReadPort, _id: &EnvelopeId) -> Result<Option<Post>, ReadError> {
    Ok(None)
}

/// A page of a feed. `now` matters to [`Sort::Rising`] and to [`Sort::Top`] with a window.
///
/// # Errors
/// When the store fails, or the cursor belongs to another sort.
pub fn page(
    _port: &dyn ReadPort,
    _feed: &Feed,
    _sort: Sort,
    _paging: Paging<'_>,
    _now: TimeMs,
) -> Result<Page<Post>, QueryError> {
    Ok(Page::empty())
}
