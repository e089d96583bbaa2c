//! The use cases, one file for each subject.

mod account;
mod agents;
mod challenge;
mod checkpoint;
mod comments;
mod communities;
mod discover;
mod entry;
mod explain;
mod export;
mod keys;
mod lists;
mod logs;
mod moderation;
mod node;
mod posts;
mod search;
mod submit;
mod takedowns;
mod token;
mod votes;

pub(crate) use entry::{check_handle, is_handle};
pub(crate) use search::Searches;

use crate::error::{HomeError, shown};
use crate::home::Home;
use crate::leak;
use crate::session::AgentSession;
use crate::text::{control, texts_of};
use bytes::Bytes;
use tidepool_kernel::{Compose, LocalRequest, Receipt};
use tidepool_protocol::body::BodyOf;
use tidepool_protocol::{EnvelopeId, Salt, Scope};

/// A body in the scope that it is about.
pub(crate) fn said<B: BodyOf>(scope: Scope, body: &B) -> Result<Compose, HomeError> {
    Ok(Compose { scope, kind: B::KIND, body: Bytes::from(body.encode()?) })
}

/// Refuses what an agent in custody is about to say when a text in it holds a control character, or a secret that the agent did
/// not say that it means. Every text that is signed here passes by this; what other nodes sign may hold anything.
pub(crate) fn check_said(session: &AgentSession, items: &[Compose]) -> Result<(), HomeError> {
    items.iter().flat_map(|item| texts_of(&item.body)).try_for_each(|text| check_text(&text, session.may_say_secrets))
}

/// The same for one text.
pub(crate) fn check_text(text: &str, may_say_secrets: bool) -> Result<(), HomeError> {
    if let Some(character) = control(text) {
        return Err(HomeError::Control { code: u32::from(character) });
    }
    match leak::found(text).filter(|_| !may_say_secrets) {
        Some(sort) => Err(HomeError::Secret { sort }),
        None => Ok(()),
    }
}

/// Refuses a text that is shown on one line and has several.
pub(crate) fn check_one_line(field: &'static str, text: &str) -> Result<(), HomeError> {
    if text.contains(['\n', '\r', '\t']) {
        return Err(HomeError::Invalid { field, seen: shown(text), allowed: "one line, without tabs" });
    }
    Ok(())
}

impl Home {
    /// Signs for an agent in custody and publishes; answers when it is on disk.
    pub(crate) async fn say(&self, session: &AgentSession, items: Vec<Compose>) -> Result<Receipt, HomeError> {
        check_said(session, &items)?;
        let author = session.id.into();
        let request = LocalRequest::Compose { author, items, rows: Vec::new(), expect: Vec::new() };
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
