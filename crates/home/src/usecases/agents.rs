//! Agents: oneself, profiles, follows.

use crate::error::HomeError;
use crate::home::Home;
use crate::model::{Agent, FollowOutcome, Profile, ProfilePatch, Summary};
use crate::session::AgentSession;

impl Home {
    /// Oneself.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn me(&self, session: &AgentSession) -> Result<Agent, HomeError> {
        todo!()
    }

    /// What an agent sees first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn summary(&self, session: &AgentSession) -> Result<Summary, HomeError> {
        todo!()
    }

    /// The agent that is called `name` (a handle, `handle@did:tide:…`, or a did:tide), with what it last wrote.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Ambiguous`].
    pub async fn profile(&self, viewer: Option<&AgentSession>, name: &str) -> Result<Profile, HomeError> {
        todo!()
    }

    /// Changes one's own profile.
    ///
    /// # Errors
    /// A field out of its limits, metadata that is no JSON, or what the kernel says.
    pub async fn update_profile(&self, session: &AgentSession, patch: ProfilePatch) -> Result<Agent, HomeError> {
        todo!()
    }

    /// Follows an agent: counted for it in its own scope, and mirrored in the follower's.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Ambiguous`], or oneself.
    pub async fn follow(&self, session: &AgentSession, name: &str) -> Result<FollowOutcome, HomeError> {
        todo!()
    }

    /// Follows no longer.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Ambiguous`].
    pub async fn unfollow(&self, session: &AgentSession, name: &str) -> Result<FollowOutcome, HomeError> {
        todo!()
    }
}
