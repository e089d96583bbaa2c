//! The use cases, one file for each subject.

mod agents;
mod checkpoint;
mod comments;
mod communities;
mod entry;
mod explain;
mod keys;
mod lists;
mod logs;
mod moderation;
mod node;
mod posts;
mod search;
mod submit;
mod votes;

pub(crate) use entry::{check_handle, is_handle};
pub(crate) use search::Searches;

use crate::error::HomeError;
use crate::home::Home;
use bytes::Bytes;
use tidepool_kernel::{Compose, LocalRequest, Receipt};
use tidepool_protocol::body::BodyOf;
use tidepool_protocol::{AgentId, EnvelopeId, Salt, Scope};

/// A body in the scope that it is about.
pub(crate) fn said<B: BodyOf>(scope: Scope, body: &B) -> Result<Compose, HomeError> {
    Ok(Compose { scope, kind: B::KIND, body: Bytes::from(body.encode()?) })
}

impl Home {
    /// Signs for an agent in custody and publishes; answers when it is on disk.
    pub(crate) async fn say(&self, agent: AgentId, items: Vec<Compose>) -> Result<Receipt, HomeError> {
        let request = LocalRequest::Compose { author: agent.into(), items, rows: Vec::new(), expect: Vec::new() };
        Ok(self.request(request).await?)
    }

    /// The id of the first envelope of a receipt.
    pub(crate) fn first_id(receipt: &Receipt) -> EnvelopeId {
        receipt.envelopes.first().expect("a request with envelopes has a receipt with as many").0
    }

    /// Sixteen random bytes for an erasable body.
    pub(crate) fn salt(&self) -> Salt {
        let mut salt = [0; 16];
        self.inner.parts.random.fill(&mut salt);
        Salt(salt)
    }
}
