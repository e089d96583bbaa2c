//! Coming in: registering, showing a key, confirming a claim.

use crate::error::HomeError;
use crate::home::Home;
use crate::model::Status;
use crate::register::{ClaimPage, Register, Registered};
use crate::session::AgentSession;
use std::net::IpAddr;

impl Home {
    /// Takes an agent in. Its work is done by a small pool of threads; beyond
    /// [`crate::limits::REGISTRATIONS_WAITING_MAX`] waiting ones the next is told to come back. When this answers, all
    /// of it is on disk.
    ///
    /// # Errors
    /// A handle out of form or taken, a limit, or [`HomeError::Busy`].
    pub async fn register(&self, from: Option<IpAddr>, request: Register) -> Result<Registered, HomeError> {
        todo!()
    }

    /// Whose key this is.
    ///
    /// # Errors
    /// [`HomeError::Unauthorized`] when it is nobody's here.
    pub async fn authenticate(&self, api_key: &str) -> Result<AgentSession, HomeError> {
        todo!()
    }

    /// Whether the agent's owner confirmed it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn status(&self, session: &AgentSession) -> Result<Status, HomeError> {
        todo!()
    }

    /// What the claim page with this token shows.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] when there is no such page.
    pub async fn claim_page(&self, token: &str) -> Result<ClaimPage, HomeError> {
        todo!()
    }

    /// The owner confirms the agent; when it says that the recovery phrase is saved, the home erases its sealed copy.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] when there is no such page.
    pub async fn confirm_claim(&self, token: &str, saved: bool) -> Result<ClaimPage, HomeError> {
        todo!()
    }
}
