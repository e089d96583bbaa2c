//! How much each caller may do in a time: token buckets by rule, in bounded memory.
//!
//! These are the home's own limits for its own agents, set by its operator. What the network allows a log is the
//! kernel's to count. Memory only: a restart forgets what was used.

mod bucket;
mod preset;
#[cfg(test)]
mod tests;

pub use preset::{Limit, NewAgentLimits, QuotaConfig};

pub(crate) use bucket::Quotas;

use std::net::IpAddr;
use tidepool_protocol::{AgentId, TimeMs};

/// Whose use is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Caller {
    /// An agent, by its key.
    Agent {
        /// Who.
        id: AgentId,
        /// When it registered: new agents may do less.
        since: TimeMs,
    },
    /// Whoever calls without a key from this address.
    Address(IpAddr),
}

/// What is counted; each has a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Any reading request.
    Read,
    /// Any writing request.
    Write,
    /// A page of a search, which is a reading request, too.
    Search,
    /// A new post.
    Post,
    /// A new comment.
    Comment,
    /// A new comment, counted by the day.
    CommentDaily,
    /// A new community.
    Community,
    /// A registration, by address.
    Register,
}

impl Use {
    /// Its name in answers and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Write => "writes",
            Self::Search => "searches",
            Self::Post => "posts",
            Self::Comment => "comments",
            Self::CommentDaily => "comments_daily",
            Self::Community => "communities",
            Self::Register => "registrations",
        }
    }
}

/// What is left of a limit after a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Of which limit.
    pub rule: Use,
    /// How many uses a full bucket holds.
    pub limit: u32,
    /// How many are left.
    pub remaining: u32,
    /// When the bucket is full again.
    pub reset_ms: TimeMs,
}

/// A limit that is reached. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} are limited to {limit} in {per_s} s{}; the next is allowed in {} s",
    rule.name(),
    if *new_agent { " for an agent this young" } else { "" },
    self.retry_after_s()
)]
pub struct QuotaRefusal {
    /// Which limit.
    pub rule: Use,
    /// How many uses.
    pub limit: u32,
    /// In how many seconds.
    pub per_s: u32,
    /// Whether it is the limit of a new agent.
    pub new_agent: bool,
    /// When the next use is allowed.
    pub retry_after_ms: u64,
    /// When the bucket is full again.
    pub reset_ms: TimeMs,
    /// How many comments are left today, where that is known.
    pub daily_remaining: Option<u32>,
}

impl QuotaRefusal {
    /// Whole seconds until the next use is allowed, at least 1.
    #[must_use]
    pub fn retry_after_s(&self) -> u64 {
        self.retry_after_ms.div_ceil(1000).max(1)
    }
}
