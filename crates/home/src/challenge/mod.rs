//! Verification challenges: a new agent solves a small problem before what it wrote is signed, where the operator wants that.
//!
//! What was written waits in memory, unsigned: nothing of it is on any node until the answer is right. Everything here is bounded,
//! and a restart forgets it; the agent then writes again.

mod problem;

use crate::error::HomeError;
use crate::limits::{
    CHALLENGE_KEPT_MS, CHALLENGE_TRIES_MAX, CHALLENGES_FAILED_MAX, CHALLENGES_MAX, CHALLENGES_OF_AGENT_MAX,
    SUSPENDED_MAX, SUSPENDED_MS,
};
use crate::model::{Challenge, ChallengeRefusal, Draft};
use crate::ports::Random;
use crate::register::{challenge_hash, new_challenge_code};
use lru::LruCache;
use problem::Problem;
use std::collections::BTreeMap;
use std::sync::Mutex;
use tidepool_protocol::ids::Hash;
use tidepool_protocol::{AgentId, TimeMs};

/// The challenges of a home.
pub(crate) struct Challenges(Mutex<Books>);

struct Books {
    open: BTreeMap<Hash, Open>,
    /// How many challenges in a row an agent did not solve, and until when it may not write.
    failures: LruCache<AgentId, Failures>,
}

#[derive(Clone, Copy, Default)]
struct Failures {
    in_a_row: u32,
    until: TimeMs,
}

struct Open {
    agent: AgentId,
    draft: Option<Draft>,
    problem: Problem,
    tries: u32,
    expires: TimeMs,
}

impl Challenges {
    pub(crate) fn new() -> Self {
        let failures = LruCache::new(std::num::NonZeroUsize::new(SUSPENDED_MAX).expect("a bound above zero"));
        Self(Mutex::new(Books { open: BTreeMap::new(), failures }))
    }

    /// Keeps a draft until its challenge is solved.
    pub(crate) fn open(
        &self,
        random: &dyn Random,
        (agent, draft): (AgentId, Draft),
        now: TimeMs,
    ) -> Result<Challenge, HomeError> {
        let mut books = crate::home::lock(&self.0);
        books.forget(now);
        let until = books.failures.get(&agent).map_or(TimeMs(0), |failures| failures.until);
        if until > now {
            return Err(HomeError::Suspended { retry_after_s: until.since_ms(now).div_ceil(1_000) });
        }
        let of_agent = books.open.values().filter(|open| open.agent == agent && open.draft.is_some()).count();
        for (waiting, allowed) in [(of_agent, CHALLENGES_OF_AGENT_MAX), (books.open.len(), CHALLENGES_MAX)] {
            if waiting >= allowed {
                return Err(HomeError::Busy { what: "challenges", waiting, allowed, retry_after_s: 60 });
            }
        }
        let (code, problem) = (new_challenge_code(random), Problem::drawn(random));
        let (expires, text) = (now.plus_ms(draft.challenge_ms()), problem.text.clone());
        let challenge =
            Challenge { code: code.to_string(), text, made_ms: now, expires_ms: expires, kind: draft.kind() };
        let open = Open { agent, draft: Some(draft), problem, tries: 0, expires };
        books.open.insert(challenge_hash(&code), open);
        Ok(challenge)
    }

    /// Gives the draft out when the answer is right.
    pub(crate) fn solve(&self, agent: AgentId, (code, answer): (&str, &str), now: TimeMs) -> Result<Draft, HomeError> {
        let refused = |refusal| Err(HomeError::Challenge(refusal));
        let mut books = crate::home::lock(&self.0);
        let hash = challenge_hash(code);
        let Some(open) = books.open.get_mut(&hash).filter(|open| open.agent == agent) else {
            return refused(ChallengeRefusal::Unknown);
        };
        if open.expires <= now {
            return refused(ChallengeRefusal::Expired);
        }
        if open.draft.is_none() {
            return refused(ChallengeRefusal::Used);
        }
        open.tries += 1;
        if open.problem.is_solved_by(answer) {
            let draft = open.draft.take();
            books.failures.pop(&agent);
            return draft.ok_or(HomeError::Challenge(ChallengeRefusal::Used));
        }
        if open.tries >= CHALLENGE_TRIES_MAX {
            open.draft = None;
            books.fail(agent, now);
        }
        refused(ChallengeRefusal::Incorrect)
    }
}

impl Books {
    /// Forgets what is over, and counts what was not solved in time.
    fn forget(&mut self, now: TimeMs) {
        let failed: Vec<AgentId> = self
            .open
            .values_mut()
            .filter(|open| open.expires <= now)
            .filter_map(|open| open.draft.take().map(|_| open.agent))
            .collect();
        for agent in failed {
            self.fail(agent, now);
        }
        self.open.retain(|_, open| open.expires.plus_ms(CHALLENGE_KEPT_MS) > now);
    }

    fn fail(&mut self, agent: AgentId, now: TimeMs) {
        let failures = self.failures.get_or_insert_mut(agent, Failures::default);
        failures.in_a_row += 1;
        if failures.in_a_row >= CHALLENGES_FAILED_MAX {
            *failures = Failures { in_a_row: 0, until: now.plus_ms(SUSPENDED_MS) };
            tracing::info!(%agent, "solved none of its last challenges, may not write for a day");
        }
    }
}
