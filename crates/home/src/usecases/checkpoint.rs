//! The home's word on the heads of an agent that signs for itself: what its checkpoint carries to stand through a fork.

use crate::error::{Forbidden, HomeError, Thing};
use crate::home::{Home, Inner};
use crate::limits::{CHECKPOINTS_LOOKED_AT_MAX, LOGS_COUNTERSIGNED_MAX};
use crate::model::Countersigned;
use std::collections::BTreeMap;
use tidepool_protocol::body::{BodyOf, Checkpoint};
use tidepool_protocol::limits::HEADS_MAX;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, TimeMs};
use tidepool_views::{identity, logs, vouch};

impl Home {
    /// A checkpoint of `agent`, countersigned: the heads of its logs as this node holds them, at most [`HEADS_MAX`] of
    /// those that are not forked. What no checkpoint lists yet comes first, the oldest before the newer, then what was
    /// listed longest ago: an agent of more logs has all of them listed in turn. It is the agent's to sign, at the time
    /// that is named.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], also when no log of its stands, and [`Forbidden::NotAtHome`] when its home is
    /// another node.
    pub async fn countersign(&self, agent: AgentId) -> Result<Countersigned, HomeError> {
        let now = self.now();
        self.read(move |inner| inner.countersign(agent, now)).await
    }
}

impl Inner {
    /// Heads that the agent's checkpoints list, and when the last of these was made.
    fn listed(&self, author: AuthorId) -> Result<BTreeMap<EnvelopeId, TimeMs>, HomeError> {
        let mut listed = BTreeMap::new();
        // Newest first: the first time that is met is the last.
        for (time_ms, heads) in vouch::countersigned(self.reader(), author, CHECKPOINTS_LOOKED_AT_MAX)? {
            for head in heads {
                listed.entry(head.id).or_insert(time_ms);
            }
        }
        Ok(listed)
    }

    fn countersign(&self, agent: AgentId, time_ms: TimeMs) -> Result<Countersigned, HomeError> {
        let author = AuthorId::from(agent);
        let found = identity::current(self.reader(), author)?;
        let found = found.ok_or_else(|| HomeError::NotFound { what: Thing::Agent, seen: agent.to_string() })?;
        if found.state.home != Some(self.facts.node) {
            return Err(HomeError::Forbidden { rule: Forbidden::NotAtHome });
        }
        let mut logs = logs::view(self.reader(), author, None, None, LOGS_COUNTERSIGNED_MAX)?;
        // Which branch of a fork stands is for a `keep` to say, which the owner signs: not for whoever asks here.
        logs.retain(|log| log.broken.is_none() && log.stands);
        let listed = self.listed(author)?;
        logs.sort_by_cached_key(|log| {
            let at = listed.get(&log.head.id).copied();
            (at.is_some(), at.unwrap_or(log.time_ms))
        });
        logs.truncate(HEADS_MAX);
        let mut heads: Vec<_> = logs.into_iter().map(|log| log.head).collect();
        if heads.is_empty() {
            return Err(HomeError::NotFound { what: Thing::Log, seen: agent.to_string() });
        }
        heads.sort();
        let facts = &self.facts;
        let home = self.parts.keys.checkpoint_signature(facts.network, agent, facts.node_auth, (time_ms, &heads));
        let body = Checkpoint { heads: heads.clone(), home: Some(home) }.encode()?;
        Ok(Countersigned { agent, time_ms, heads, body })
    }
}
