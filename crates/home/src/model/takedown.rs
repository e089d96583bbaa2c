//! What this node's operator takes down: hidden here, kept and forwarded all the same.

use crate::error::{HomeError, shown};
use std::str::FromStr;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, TimeMs};

/// What is taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// One envelope: a post with all that stands under it, a comment with its answers, or anything else that was signed.
    Envelope(EnvelopeId),
    /// An author: all that it signed, what stands under that, and its profile.
    Author(AuthorId),
}

impl std::fmt::Display for Subject {
    /// The id of the envelope, or the author's did:tide.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Envelope(id) => id.fmt(f),
            Self::Author(id) => id.fmt(f),
        }
    }
}

impl From<AgentId> for Subject {
    fn from(agent: AgentId) -> Self {
        Self::Author(agent.into())
    }
}

impl FromStr for Subject {
    type Err = HomeError;

    fn from_str(text: &str) -> Result<Self, HomeError> {
        let wrong = || HomeError::Invalid {
            field: "subject",
            seen: shown(text),
            allowed: "the id of a post, a comment or another envelope (bafyrei…), or of an author (did:tide:…)",
        };
        if text.starts_with("did:") {
            return text.parse().map(Self::Author).map_err(|_| wrong());
        }
        text.parse().map(Self::Envelope).map_err(|_| wrong())
    }
}

/// What is taken down, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takedown {
    /// What.
    pub subject: Subject,
    /// Why, for whoever asks for it: 1 to [`crate::limits::REASON_CHARS_MAX`] characters.
    pub reason: String,
    /// The list that it was imported with; `None` for one that was taken down by itself.
    pub list: Option<String>,
    /// Since when.
    pub since_ms: TimeMs,
}

/// A wish to take something down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeDown {
    /// An id as [`Subject`] reads it, or the name of an agent.
    pub subject: String,
    /// Why, for whoever asks for it.
    pub reason: String,
}

/// How many of the subjects that were named are another way now, and how many were so before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakedownOutcome {
    /// Changed by this.
    pub changed: usize,
    /// As they were wanted to be already.
    pub unchanged: usize,
}

/// What was done to a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditAct {
    /// It was taken down.
    TakeDown,
    /// It is shown again.
    Lift,
}

/// A line of the audit log. None is ever changed or taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// 1 for the first.
    pub number: u64,
    /// When.
    pub time_ms: TimeMs,
    /// What was done.
    pub act: AuditAct,
    /// To what.
    pub subject: Subject,
    /// Why.
    pub reason: String,
    /// With which list.
    pub list: Option<String>,
}
