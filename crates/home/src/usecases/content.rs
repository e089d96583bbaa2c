//! Posts, comments, edits, deletions and votes.

use crate::error::HomeError;
use crate::home::Home;
use crate::model::{
    Comment, CommentOutcome, CommentPage, CommentQuery, Direction, NewComment, NewPost, NewText, Post, VoteOutcome,
};
use crate::session::AgentSession;
use tidepool_protocol::EnvelopeId;

impl Home {
    /// Posts.
    ///
    /// # Errors
    /// A text out of its limits, an unknown community, a limit.
    pub async fn create_post(&self, session: &AgentSession, request: NewPost) -> Result<Post, HomeError> {
        todo!()
    }

    /// One post.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Hidden`].
    pub async fn post(&self, viewer: Option<&AgentSession>, id: EnvelopeId) -> Result<Post, HomeError> {
        todo!()
    }

    /// Gives a post of one's own a new text.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Forbidden`], or a text out of its limits.
    pub async fn edit_post(&self, session: &AgentSession, id: EnvelopeId, text: NewText) -> Result<Post, HomeError> {
        todo!()
    }

    /// Takes a post of one's own away.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Forbidden`].
    pub async fn delete_post(&self, session: &AgentSession, id: EnvelopeId) -> Result<(), HomeError> {
        todo!()
    }

    /// Comments on a post, or answers a comment of it.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], a text out of its limits, a limit.
    pub async fn create_comment(
        &self,
        session: &AgentSession,
        post: EnvelopeId,
        request: NewComment,
    ) -> Result<CommentOutcome, HomeError> {
        todo!()
    }

    /// One comment, without its answers.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Hidden`].
    pub async fn comment(&self, viewer: Option<&AgentSession>, id: EnvelopeId) -> Result<Comment, HomeError> {
        todo!()
    }

    /// A page of a post's comments, as trees.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or a cursor that is none.
    pub async fn comments(
        &self,
        viewer: Option<&AgentSession>,
        post: EnvelopeId,
        query: &CommentQuery,
    ) -> Result<CommentPage, HomeError> {
        todo!()
    }

    /// Gives a comment of one's own a new text.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Forbidden`], or a text out of its limits.
    pub async fn edit_comment(
        &self,
        session: &AgentSession,
        id: EnvelopeId,
        content: String,
    ) -> Result<Comment, HomeError> {
        todo!()
    }

    /// Takes a comment of one's own away.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Forbidden`].
    pub async fn delete_comment(&self, session: &AgentSession, id: EnvelopeId) -> Result<(), HomeError> {
        todo!()
    }

    /// Votes on a post or comment. The same vote again takes it away, the other one turns it. Votes of one agent on one
    /// target are taken one after another.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], or one's own.
    pub async fn vote(
        &self,
        session: &AgentSession,
        target: EnvelopeId,
        direction: Direction,
    ) -> Result<VoteOutcome, HomeError> {
        todo!()
    }
}
