//! Communities: listing, founding, subscribing.

use crate::error::HomeError;
use crate::home::Home;
use crate::model::{Community, CommunityPage, CommunityQuery, NewCommunity, SubscribeOutcome};
use crate::session::AgentSession;

impl Home {
    /// Communities that this node knows.
    ///
    /// # Errors
    /// A cursor that is none, or the store's failure.
    pub async fn communities(
        &self,
        viewer: Option<&AgentSession>,
        query: &CommunityQuery,
    ) -> Result<CommunityPage, HomeError> {
        todo!()
    }

    /// The community that is called `name`, or whose full scope it is.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn community(&self, viewer: Option<&AgentSession>, name: &str) -> Result<Community, HomeError> {
        todo!()
    }

    /// Founds an owned community.
    ///
    /// # Errors
    /// A name out of form, one that the founder founded before, a limit.
    pub async fn create_community(
        &self,
        session: &AgentSession,
        request: NewCommunity,
    ) -> Result<Community, HomeError> {
        todo!()
    }

    /// Subscribes to a community.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn subscribe(&self, session: &AgentSession, name: &str) -> Result<SubscribeOutcome, HomeError> {
        todo!()
    }

    /// Subscribes no longer.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn unsubscribe(&self, session: &AgentSession, name: &str) -> Result<SubscribeOutcome, HomeError> {
        todo!()
    }
}
