//! Lists of posts, and search.

use crate::error::HomeError;
use crate::home::Home;
use crate::model::{Explanation, FeedQuery, Page, Post, PostQuery, PostSort, SearchPage, SearchQuery};
use crate::session::AgentSession;
use tidepool_protocol::EnvelopeId;

impl Home {
    /// Posts of all communities, of one, or of one author.
    ///
    /// # Errors
    /// An unknown community or author, or a cursor that is none.
    pub async fn posts(&self, viewer: Option<&AgentSession>, query: &PostQuery) -> Result<Page<Post>, HomeError> {
        todo!()
    }

    /// An agent's feed.
    ///
    /// # Errors
    /// A cursor that is none.
    pub async fn feed(&self, session: &AgentSession, query: &FeedQuery) -> Result<Page<Post>, HomeError> {
        todo!()
    }

    /// Finds a text, newest first, as it is but for case.
    ///
    /// # Errors
    /// An empty or too long text, or a cursor that is none.
    pub async fn search(&self, viewer: Option<&AgentSession>, query: &SearchQuery) -> Result<SearchPage, HomeError> {
        todo!()
    }

    /// Why a post stands where it does in a list of this order.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn explain(&self, id: EnvelopeId, sort: PostSort) -> Result<Explanation, HomeError> {
        todo!()
    }
}
