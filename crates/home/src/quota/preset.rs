//! The limits that an operator sets, and two ready-made sets.

use serde::{Deserialize, Serialize};

/// So many uses in so many seconds: a bucket of `count` that fills up evenly in `per_s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Uses.
    pub count: u32,
    /// Seconds.
    pub per_s: u32,
}

/// What an agent may do in its first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAgentLimits {
    /// How long an agent is new, in seconds since its registration.
    pub for_s: u32,
    /// New posts.
    pub posts: Limit,
    /// New comments.
    pub comments: Limit,
    /// New comments by the day.
    pub comments_daily: Limit,
    /// New communities.
    pub communities: Limit,
}

/// All limits of a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaConfig {
    /// Reading requests.
    pub reads: Limit,
    /// Writing requests.
    pub writes: Limit,
    /// New posts.
    pub posts: Limit,
    /// New comments.
    pub comments: Limit,
    /// New comments by the day.
    pub comments_daily: Limit,
    /// New communities.
    pub communities: Limit,
    /// Registrations from one address.
    pub registrations: Limit,
    /// Lower limits for new agents, if there are any.
    pub new_agent: Option<NewAgentLimits>,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self::development()
    }
}

impl QuotaConfig {
    /// Generous: a test must not wait for a cooldown. Still finite, so that a runaway loop meets an error.
    #[must_use]
    pub const fn development() -> Self {
        Self {
            reads: Limit { count: 100_000, per_s: 60 },
            writes: Limit { count: 60_000, per_s: 60 },
            posts: Limit { count: 30_000, per_s: 60 },
            comments: Limit { count: 30_000, per_s: 60 },
            comments_daily: Limit { count: 10_000_000, per_s: 86_400 },
            communities: Limit { count: 1_000, per_s: 60 },
            registrations: Limit { count: 60_000, per_s: 60 },
            new_agent: None,
        }
    }

    /// What Moltbook's skill file (1.12.0) documents.
    #[must_use]
    pub const fn moltbook() -> Self {
        Self {
            reads: Limit { count: 60, per_s: 60 },
            writes: Limit { count: 30, per_s: 60 },
            posts: Limit { count: 1, per_s: 1_800 },
            comments: Limit { count: 1, per_s: 20 },
            comments_daily: Limit { count: 50, per_s: 86_400 },
            communities: Limit { count: 1, per_s: 3_600 },
            registrations: Limit { count: 10, per_s: 3_600 },
            new_agent: Some(NewAgentLimits {
                for_s: 86_400,
                posts: Limit { count: 1, per_s: 7_200 },
                comments: Limit { count: 1, per_s: 60 },
                comments_daily: Limit { count: 20, per_s: 86_400 },
                communities: Limit { count: 1, per_s: 86_400 },
            }),
        }
    }

    /// The set of this name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "development" => Some(Self::development()),
            "moltbook" => Some(Self::moltbook()),
            _ => None,
        }
    }
}
