//! The node itself, its raw envelopes, and the stream of all that happens.

use crate::error::{HomeError, Thing};
use crate::hidden::hidden;
use crate::home::Home;
use crate::model::{NodeView, NodeWord, Provenance, RawEnvelope};
use crate::show::came_from;
use crate::stream::{self, EventFilter, EventStream, StreamCursor};
use crate::text::Mark;
use std::sync::atomic::Ordering;
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{Body, EnvelopeId, Signer};
use tidepool_views::{index, queries, void};

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
            node_auth: self.inner.facts.node_auth,
            key: parts.keys.public_key(),
            agent_work_bits: parts.genesis.params.agent_work_bits,
            status: parts.network.status(),
            is_archive: self.inner.facts.is_archive,
            shards,
            horizons,
            head: parts.reader.head(),
            durable: parts.reader.durable(),
            local_agents: self.inner.registrations.agents.load(Ordering::Relaxed),
        })
    }

    /// An envelope as it was received, whether the views show it or not; without its body when its author took away what
    /// it says.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Hidden`].
    pub async fn envelope(&self, id: EnvelopeId) -> Result<RawEnvelope, HomeError> {
        self.read(move |inner| {
            let found = index::envelope(inner.reader(), &id)?;
            let (entry, stored) =
                found.ok_or_else(|| HomeError::NotFound { what: Thing::Envelope, seen: id.to_string() })?;
            let envelope = &stored.envelope;
            let header = envelope.header();
            let body = envelope.body().map(|body| Body::decode(header.kind, body));
            let said = body.as_ref().and_then(|body| body.as_ref().ok()).and_then(Option::as_ref);
            if let Some(rule) = inner.hides_envelope(&id, header, said)? {
                return Err(hidden(rule));
            }
            let erased = envelope.body().is_none() || queries::taken_away(inner.reader(), envelope)?;
            Ok(RawEnvelope {
                id,
                bytes: if erased { envelope.without_body().bytes().clone() } else { envelope.bytes().clone() },
                without_body: erased,
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

    /// A mark for one answer, which nobody who writes a text knows before.
    #[must_use]
    pub fn draw_mark(&self) -> Mark {
        Mark::drawn(|bytes| self.inner.parts.random.fill(bytes))
    }

    /// The node's word on its skill files, whose digests `list` has.
    #[must_use]
    pub fn sign_skills(&self, list: &[u8]) -> NodeWord {
        let signing = self.inner.parts.keys.signing();
        NodeWord {
            node: self.inner.facts.node,
            key: signing.public_key(),
            signature: signing.sign(Domain::Skills, list),
        }
    }

    /// Where the log stands: a stream from here brings what comes from now on.
    #[must_use]
    pub fn now_cursor(&self) -> StreamCursor {
        let said = *self.inner.parts.kernel.notified().borrow();
        StreamCursor { log: self.inner.facts.log, at: self.inner.tail.upto().max(said) }
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
