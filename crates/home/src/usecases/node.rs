//! The node itself, its raw envelopes, and the stream of all that happens.

use crate::error::HomeError;
use crate::home::Home;
use crate::model::{NodeView, RawEnvelope, Submitted};
use crate::stream::{EventFilter, EventStream, StreamCursor};
use bytes::Bytes;
use std::net::IpAddr;
use tidepool_protocol::identity::HomeSignature;
use tidepool_protocol::{AgentId, EnvelopeId};

impl Home {
    /// This node.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn node(&self) -> Result<NodeView, HomeError> {
        todo!()
    }

    /// An envelope as it was received, whether the views show it or not.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn envelope(&self, id: EnvelopeId) -> Result<RawEnvelope, HomeError> {
        todo!()
    }

    /// The home's word for an agent that makes its own keys and genesis. The genesis names it and comes back by
    /// [`Home::submit_envelopes`].
    ///
    /// # Errors
    /// A limit of the address, or a home that is not open.
    pub async fn take_in(&self, from: Option<IpAddr>, agent: AgentId) -> Result<HomeSignature, HomeError> {
        todo!()
    }

    /// Publishes envelopes that an agent at home here signed for itself: at most
    /// [`crate::limits::SUBMIT_ENVELOPES_MAX`], in the order of their logs, all or none. One that is known already
    /// keeps its place.
    ///
    /// # Errors
    /// [`HomeError::LogConflict`] with the head when a place is taken, or what does not hold of which envelope.
    pub async fn submit_envelopes(
        &self,
        from: Option<IpAddr>,
        envelopes: Vec<Bytes>,
    ) -> Result<Vec<Submitted>, HomeError> {
        todo!()
    }

    /// Where the log stands: a stream from here brings what comes from now on.
    #[must_use]
    pub fn now_cursor(&self) -> StreamCursor {
        todo!()
    }

    /// What happens on this node: replayed behind `after`, then live. `None` starts with what comes from now on.
    ///
    /// # Errors
    /// A cursor that is foreign, too old or ahead; too many open streams.
    pub async fn events(&self, after: Option<StreamCursor>, filter: EventFilter) -> Result<EventStream, HomeError> {
        todo!()
    }
}
