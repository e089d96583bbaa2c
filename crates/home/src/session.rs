//! Who calls: an agent that showed its API key, and what is remembered of keys that were shown.

use crate::home::{lock, lru};
use crate::limits::SESSION_CACHE_MAX;
use crate::quota::Caller;
use lru::LruCache;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tidepool_protocol::ids::Hash;
use tidepool_protocol::{AgentId, TimeMs};

/// An agent that showed its API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSession {
    /// Who.
    pub id: AgentId,
    /// Its handle.
    pub handle: String,
    /// When it registered.
    pub since: TimeMs,
    /// Whether its owner confirmed it.
    pub claimed: bool,
    /// Whether this request may say what looks like a secret: the agent was told, and means it.
    pub may_say_secrets: bool,
}

impl AgentSession {
    /// Whose quota its requests use.
    #[must_use]
    pub const fn caller(&self) -> Caller {
        Caller::Agent { id: self.id, since: self.since }
    }
}

/// Sessions by the hash of their key, so that a request reads no row to know who calls. What an account lost is forgotten
/// here for certain, also when a reader that saw the row before comes late.
pub(crate) struct Sessions {
    known: Mutex<LruCache<Hash, AgentSession>>,
    /// How often something was forgotten.
    forgotten: AtomicU64,
}

/// What had been forgotten when a row was about to be read.
#[derive(Clone, Copy)]
pub(crate) struct Before(u64);

impl Sessions {
    pub(crate) fn new() -> Self {
        Self { known: lru(SESSION_CACHE_MAX), forgotten: AtomicU64::new(0) }
    }

    pub(crate) fn get(&self, key: &Hash) -> Option<AgentSession> {
        lock(&self.known).get(key).cloned()
    }

    /// To be called before the row is read from which a session is made.
    pub(crate) fn before(&self) -> Before {
        Before(self.forgotten.load(Ordering::Acquire))
    }

    /// Remembers what was read, unless something was forgotten meanwhile: then the next request reads again.
    pub(crate) fn put(&self, before: Before, key: Hash, session: AgentSession) {
        let mut known = lock(&self.known);
        if self.forgotten.load(Ordering::Acquire) == before.0 {
            known.put(key, session);
        }
    }

    /// To be called once the row that changed is written.
    pub(crate) fn forget(&self, key: &Hash) {
        let mut known = lock(&self.known);
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        known.pop(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_key_was_revoked_is_not_remembered_after() {
        let sessions = Sessions::new();
        let session = AgentSession {
            id: AgentId([1; 32]),
            handle: "a".to_owned(),
            since: TimeMs(1),
            claimed: true,
            may_say_secrets: false,
        };
        let before = sessions.before();
        sessions.put(before, [1; 32], session.clone());
        assert_eq!(sessions.get(&[1; 32]), Some(session.clone()));
        let before = sessions.before();
        sessions.forget(&[1; 32]);
        sessions.put(before, [1; 32], session.clone());
        assert_eq!(sessions.get(&[1; 32]), None, "the row was read before it changed");
        sessions.put(sessions.before(), [1; 32], session.clone());
        assert_eq!(sessions.get(&[1; 32]), Some(session));
    }
}
