//! The node itself, its raw envelopes, and the stream of all that happens.

use crate::error::{HomeError, Thing};
use crate::home::Home;
use crate::model::{NodeView, Provenance, RawEnvelope};
use crate::show::came_from;
use crate::stream::{self, EventFilter, EventStream, StreamCursor};
use std::sync::atomic::Ordering;
use tidepool_protocol::EnvelopeId;
use tidepool_views::{index, void};

impl Home {
    /// This node.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn node(&self) -> Result<NodeView, HomeError> {
        let (shards, horizons) = self.read(|inner| Ok((inner.shards()?, inner.horizons()?))).await?;
        let parts = &self.inner.parts;
        Ok(NodeView {
            version: parts.version,
            network: self.inner.facts.network,
            network_name: parts.genesis.name.clone(),
            node: self.inner.facts.node,
            status: parts.network.status(),
            shards,
            horizons,
            head: parts.reader.head(),
            durable: parts.reader.durable(),
            local_agents: self.inner.registrations.agents.load(Ordering::Relaxed),
        })
    }

    /// An envelope as it was received, whether the views show it or not.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn envelope(&self, id: EnvelopeId) -> Result<RawEnvelope, HomeError> {
        self.read(move |inner| {
            let found = index::envelope(inner.reader(), &id)?;
            let (entry, stored) =
                found.ok_or_else(|| HomeError::NotFound { what: Thing::Envelope, seen: id.to_string() })?;
            let envelope = &stored.envelope;
            Ok(RawEnvelope {
                id,
                bytes: envelope.bytes().clone(),
                without_body: envelope.body().is_none(),
                is_void: void::verdict(inner.reader(), &entry)?.is_some(),
                provenance: Provenance {
                    key: envelope.header().key,
                    from: came_from(stored.origin),
                    received_ms: stored.received_ms,
                },
            })
        })
        .await
    }

    /// Where the log stands: a stream from here brings what comes from now on.
    #[must_use]
    pub fn now_cursor(&self) -> StreamCursor {
        let said = *self.inner.parts.kernel.notified().borrow();
        StreamCursor { log: self.inner.facts.log, at: self.inner.tail.upto().max(said) }
    }

    /// Ends every stream behind what it has: nothing more comes. For a node that stops, before it waits for its readers.
    pub fn close_streams(&self) {
        self.inner.tail.close();
    }

    /// What happens on this node: replayed behind `after`, then live. `None` starts with what comes from now on.
    ///
    /// # Errors
    /// A cursor that is foreign, too old or ahead; too many open streams.
    pub async fn events(&self, after: Option<StreamCursor>, filter: EventFilter) -> Result<EventStream, HomeError> {
        let filter = stream::Filter::resolve(self, filter).await?;
        stream::open(self, after, filter)
    }
}
