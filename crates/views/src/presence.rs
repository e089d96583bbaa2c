//! Who is there right now: what homes said of their agents, until it expires. In memory only, and never in rows: presence
//! is ephemeral, nothing folds it, and after a restart it is unknown until the homes say it again.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use tidepool_protocol::body::{Presence, PresenceState};
use tidepool_protocol::{AgentId, AuthorId, Envelope, EnvelopeId, TimeMs};

/// The most agents whose presence is kept; when full, what expires first goes first.
pub const AGENTS_MAX: usize = 100_000;

/// What one node said of one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    state: PresenceState,
    time: TimeMs,
    id: EnvelopeId,
    until: TimeMs,
}

/// The presence of agents, as their homes say it.
#[derive(Clone, Debug)]
pub struct Board {
    said: BTreeMap<(AgentId, AuthorId), Said>,
    /// The same by when it expires.
    expiry: BTreeMap<(TimeMs, AgentId, AuthorId), ()>,
    most: usize,
}

impl Default for Board {
    fn default() -> Self {
        Self::with_room_for(AGENTS_MAX)
    }
}

impl Board {
    /// A board that keeps at most `most` entries.
    #[must_use]
    pub const fn with_room_for(most: usize) -> Self {
        Self { said: BTreeMap::new(), expiry: BTreeMap::new(), most }
    }

    /// Takes in what the author of `envelope`, a node, says of its agents. Of two batches the later by `(time_ms, id)`
    /// counts. Whether the node is an agent's home is asked when it is read: homes move.
    pub fn note(&mut self, envelope: &Envelope, presence: &Presence, now: TimeMs) {
        self.expire(now);
        let header = envelope.header();
        let until = header.time_ms.plus_ms(presence.ttl_s.saturating_mul(1000));
        if until <= now {
            return;
        }
        for entry in &presence.agents {
            let key = (entry.agent, header.author);
            let said = Said { state: entry.state, time: header.time_ms, id: envelope.id(), until };
            if let Some(known) = self.said.get(&key) {
                if (known.time, known.id) >= (said.time, said.id) {
                    continue;
                }
                self.expiry.remove(&(known.until, key.0, key.1));
            }
            self.said.insert(key, said);
            self.expiry.insert((until, key.0, key.1), ());
        }
        while self.said.len() > self.most {
            let Some(((_, agent, node), ())) = self.expiry.pop_first() else { break };
            self.said.remove(&(agent, node));
        }
    }

    /// How `agent` is there now, as its home says; offline when it says nothing.
    #[must_use]
    pub fn of(&self, agent: AgentId, home: AuthorId, now: TimeMs) -> PresenceState {
        match self.said.get(&(agent, home)) {
            Some(said) if said.until > now => said.state,
            Some(_) | None => PresenceState::Offline,
        }
    }

    /// Forgets what is no longer true.
    pub fn expire(&mut self, now: TimeMs) {
        while let Some(first) = self.expiry.first_entry()
            && first.key().0 <= now
        {
            let (_, agent, node) = first.remove_entry().0;
            self.said.remove(&(agent, node));
        }
    }

    /// How many entries are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.said.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }
}
