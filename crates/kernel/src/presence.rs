//! Presence: batches of homes that say who is there. Admitted like any envelope, forwarded, held in memory until their
//! time is over, never stored.

use crate::custody::Custody;
use crate::node::Node;
use crate::store::Store;
use std::collections::BTreeMap;
use tidepool_protocol::body::Body;
use tidepool_protocol::limits::PRESENCE_TTL_S_MAX;
use tidepool_protocol::{AuthorId, Envelope, EnvelopeId, Kind, Scope, Slot, TimeMs};
use tidepool_views::presence::Board;

/// The board, and what was said last.
#[derive(Debug)]
pub(crate) struct Presences {
    pub(crate) board: Board,
    /// The newest batch of each home and slot: an older one, or the same again, is not forwarded.
    batches: BTreeMap<(AuthorId, Slot), (TimeMs, EnvelopeId)>,
    batches_max: usize,
}

impl Presences {
    pub(crate) fn new(max: usize) -> Self {
        Self { board: Board::with_room_for(max), batches: BTreeMap::new(), batches_max: max }
    }
}

impl<S: Store, C: Custody> Node<S, C> {
    /// Takes an admitted ephemeral envelope; `false` when it says nothing new.
    pub(crate) fn take_ephemeral(&mut self, envelope: &Envelope) -> bool {
        let header = envelope.header();
        let (Kind::PRESENCE, Scope::Presence(slot)) = (header.kind, &header.scope) else {
            // A kind that a newer version knows: forwarded once, kept nowhere.
            self.counters.ephemeral += 1;
            return self.gate.seen.insert(envelope.id());
        };
        let batch = (header.author, *slot);
        let said = (header.time_ms, envelope.id());
        let batches = &mut self.presence.batches;
        let is_old = batches.get(&batch).is_some_and(|newest| *newest >= said);
        let has_room = batches.len() < self.presence.batches_max || batches.contains_key(&batch);
        let body = envelope.body().map(|body| Body::decode(header.kind, body));
        let Some(Ok(Some(Body::Presence(mut presence)))) = body else { return false };
        if is_old || !has_room || header.time_ms.plus_ms(presence.ttl_s * 1_000) <= self.now {
            return false;
        }
        batches.insert(batch, said);
        presence.agents.retain(|entry| Slot::of(&entry.agent.0) == *slot);
        self.presence.board.note(envelope, &presence, self.now);
        self.counters.ephemeral += 1;
        self.gate.seen.insert(envelope.id());
        true
    }

    /// Forgets what is no longer true.
    pub(crate) fn expire_presence(&mut self) {
        let oldest = self.now.0.saturating_sub(PRESENCE_TTL_S_MAX * 1_000);
        self.presence.batches.retain(|_, (said, _)| said.0 >= oldest);
        let now = self.now;
        self.presence.board.expire(now);
    }
}
