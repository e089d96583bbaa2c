//! Who is there: presence batches of homes, held in memory until their time is over, never stored.

use crate::custody::Custody;
use crate::node::Node;
use crate::store::Store;
use std::collections::BTreeMap;
use tidepool_protocol::body::{Body, PresenceState};
use tidepool_protocol::{AgentId, AuthorId, Envelope, EnvelopeId, Kind, NodeId, Scope, Slot, TimeMs};
use tidepool_views::{ReadError, identity};

/// One agent's presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// How it is there.
    pub state: PresenceState,
    /// The home that says so.
    pub home: NodeId,
    /// Until when it holds.
    pub until: TimeMs,
    /// When the home said so.
    pub said_ms: TimeMs,
}

/// The presence of agents.
#[derive(Clone, Debug)]
pub struct PresenceTable {
    max: usize,
    agents: BTreeMap<AgentId, Present>,
    /// The newest batch of each home and slot: an older one, or the same again, says nothing.
    batches: BTreeMap<(AuthorId, Slot), (TimeMs, EnvelopeId)>,
}

impl PresenceTable {
    pub(crate) const fn new(max: usize) -> Self {
        Self { max, agents: BTreeMap::new(), batches: BTreeMap::new() }
    }

    /// How `agent` is there at `now`; `None` when nothing is known.
    #[must_use]
    pub fn of(&self, agent: &AgentId, now: TimeMs) -> Option<&Present> {
        self.agents.get(agent).filter(|present| present.until > now)
    }

    /// How many agents are known of.
    #[must_use]
    pub fn len(&self) -> usize {
        self.agents.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// All that is known, by agent.
    pub fn iter(&self) -> impl Iterator<Item = (&AgentId, &Present)> {
        self.agents.iter()
    }

    fn expire(&mut self, now: TimeMs) {
        self.agents.retain(|_, present| present.until > now);
        let oldest = now.0.saturating_sub(tidepool_protocol::limits::PRESENCE_TTL_S_MAX * 1_000);
        self.batches.retain(|_, (said, _)| said.0 >= oldest);
    }
}

impl<S: Store, C: Custody> Node<S, C> {
    /// Takes an admitted ephemeral envelope; `false` when it says nothing new.
    ///
    /// A home speaks for the agents that are at home there, as far as this node knows them; others are left out.
    pub(crate) fn take_ephemeral(&mut self, envelope: &Envelope) -> Result<bool, ReadError> {
        let header = envelope.header();
        let (Kind::PRESENCE, Scope::Presence(slot)) = (header.kind, &header.scope) else {
            // A kind that a newer version knows: forwarded, kept nowhere.
            self.counters.ephemeral += 1;
            return Ok(self.gate.seen.insert(envelope.id()));
        };
        let batch = (header.author, *slot);
        let said = (header.time_ms, envelope.id());
        if self.presence.batches.get(&batch).is_some_and(|newest| *newest >= said) {
            return Ok(false);
        }
        let body = envelope.body().map(|body| Body::decode(header.kind, body));
        let Some(Ok(Some(Body::Presence(presence)))) = body else { return Ok(false) };
        let until = header.time_ms.plus_ms(presence.ttl_s * 1_000);
        if until <= self.now {
            return Ok(false);
        }
        self.counters.ephemeral += 1;
        self.presence.batches.insert(batch, said);
        let home = header.author.as_node();
        for entry in presence.agents {
            let at_home = Slot::of(&entry.agent.0) == *slot
                && self
                    .read(|rows| identity::current(rows, entry.agent.into()))?
                    .is_some_and(|identity| identity.state.home == Some(home));
            let room = self.presence.agents.len() < self.presence.max;
            if at_home && (room || self.presence.agents.contains_key(&entry.agent)) {
                let present = Present { state: entry.state, home, until, said_ms: header.time_ms };
                self.presence.agents.insert(entry.agent, present);
            }
        }
        self.gate.seen.insert(envelope.id());
        Ok(true)
    }

    pub(crate) fn expire_presence(&mut self) {
        let now = self.now;
        self.presence.expire(now);
    }
}
