//! Presence: one batch per slot and home, ephemeral, signed by the home node.

use super::{BodyError, BodyOf, length};
use crate::cbor;
use crate::ids::AgentId;
use crate::kind::Kind;
use crate::limits::{PRESENCE_AGENTS_MAX, PRESENCE_TTL_S_MAX};
use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// How an agent is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum PresenceState {
    /// Not there.
    Offline,
    /// There, but it has done nothing for a while.
    Idle,
    /// There.
    Online,
}

impl From<PresenceState> for u8 {
    fn from(state: PresenceState) -> Self {
        match state {
            PresenceState::Offline => 0,
            PresenceState::Idle => 1,
            PresenceState::Online => 2,
        }
    }
}

impl TryFrom<u8> for PresenceState {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Self::Offline),
            1 => Ok(Self::Idle),
            2 => Ok(Self::Online),
            other => Err(format!("presence {other}, 0 to 2 are known")),
        }
    }
}

/// The presence of the agents of one slot at one home, until `ttl_s` after the envelope's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Presence {
    /// How long it holds, in seconds.
    pub ttl_s: u64,
    /// Sorted by agent, without doubles.
    #[serde(deserialize_with = "cbor::list::<_, _, PRESENCE_AGENTS_MAX>")]
    pub agents: Vec<PresenceEntry>,
}

/// The presence of one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize_tuple, Deserialize_tuple)]
pub struct PresenceEntry {
    /// Whose.
    pub agent: AgentId,
    /// How it is there.
    pub state: PresenceState,
}

impl BodyOf for Presence {
    const KIND: Kind = Kind::PRESENCE;
    fn check(&self) -> Result<(), BodyError> {
        length("agents", self.agents.len(), 0, PRESENCE_AGENTS_MAX)?;
        if self.ttl_s > PRESENCE_TTL_S_MAX {
            return Err(BodyError::Value { field: "ttl_s", seen: i64::try_from(self.ttl_s).unwrap_or(i64::MAX) });
        }
        match self.agents.windows(2).position(|pair| pair[0].agent >= pair[1].agent) {
            None => Ok(()),
            Some(at) => Err(BodyError::Value { field: "order of agents", seen: i64::try_from(at).unwrap_or(i64::MAX) }),
        }
    }
}
