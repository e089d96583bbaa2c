//! Moderation of an owned community: grants and their withdrawal, actions, reports.
//!
//! All of it is signed. The founder may do everything; a moderator names the grant by which it acts, and a withdrawal of
//! that grant names the heads up to which its acts stand: what it signs afterwards is void, at whatever time it claims.

use super::agent::sorted_heads;
use super::{BodyError, BodyOf, Head, chars};
use crate::cbor;
use crate::ids::{AgentId, EnvelopeId, Salt};
use crate::kind::Kind;
use crate::limits::{HEADS_MAX, REASON_CHARS_MAX, RULE_CHARS_MAX};
use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// What a moderator may do: one bit for each power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Powers(pub u16);

impl Powers {
    /// Remove and restore posts and comments.
    pub const REMOVE: Self = Self(1);
    /// Pin and unpin posts.
    pub const PIN: Self = Self(2);
    /// Lock and unlock posts.
    pub const LOCK: Self = Self(4);
    /// Define labels and attach them.
    pub const LABEL: Self = Self(8);
    /// Change the community's settings.
    pub const SETTINGS: Self = Self(16);
    /// Every power that this version knows.
    pub const ALL: Self = Self(31);

    /// Whether all of `other` are among them.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Makes an agent a moderator. Only the founder's stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Grant {
    /// Who.
    pub agent: AgentId,
    /// What it may do; one power at least.
    pub powers: Powers,
}

/// Takes a grant back. Only the founder's stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Withdraw {
    /// The grant.
    pub grant: EnvelopeId,
    /// Heads of the moderator's logs in this community, sorted, without doubles: what is named and its ancestors stand,
    /// and nothing else that the grant allowed. Names of several withdrawals add up.
    #[serde(deserialize_with = "cbor::list::<_, _, HEADS_MAX>")]
    pub heads: Vec<Head>,
}

/// What an action does to a post or comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Deed {
    /// Hides it.
    Remove,
    /// Shows it again.
    Restore,
    /// Shows a post first in its community.
    Pin,
    /// No longer.
    Unpin,
    /// Closes a post to new comments.
    Lock,
    /// Opens it again.
    Unlock,
}

impl Deed {
    /// Every deed with its number.
    pub const ALL: [Self; 6] = [Self::Remove, Self::Restore, Self::Pin, Self::Unpin, Self::Lock, Self::Unlock];

    /// The power that it takes.
    #[must_use]
    pub const fn power(self) -> Powers {
        match self {
            Self::Remove | Self::Restore => Powers::REMOVE,
            Self::Pin | Self::Unpin => Powers::PIN,
            Self::Lock | Self::Unlock => Powers::LOCK,
        }
    }

    /// Whether it begins something; the others end it.
    #[must_use]
    pub const fn begins(self) -> bool {
        matches!(self, Self::Remove | Self::Pin | Self::Lock)
    }

    /// What takes it back.
    #[must_use]
    pub const fn undone_by(self) -> Self {
        match self {
            Self::Remove => Self::Restore,
            Self::Restore => Self::Remove,
            Self::Pin => Self::Unpin,
            Self::Unpin => Self::Pin,
            Self::Lock => Self::Unlock,
            Self::Unlock => Self::Lock,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Restore => "restore",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
        }
    }
}

impl From<Deed> for u8 {
    fn from(value: Deed) -> Self {
        match value {
            Deed::Remove => 0,
            Deed::Restore => 1,
            Deed::Pin => 2,
            Deed::Unpin => 3,
            Deed::Lock => 4,
            Deed::Unlock => 5,
        }
    }
}

impl TryFrom<u8> for Deed {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        Self::ALL.get(usize::from(number)).copied().ok_or_else(|| format!("deed {number}, 0 to 5 are known"))
    }
}

/// Does something to a post or comment: a register of that target for each pair of deeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Action {
    /// The grant by which its author acts; `None` for the founder.
    pub grant: Option<EnvelopeId>,
    /// What is done.
    pub deed: Deed,
    /// To what.
    pub target: EnvelopeId,
    /// The rule of the community by which it is done: 1 to 500 characters for a removal, else it may be empty.
    pub rule: String,
}

/// Tells a community's moderators of a post or comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Report {
    /// Random: a short text cannot be guessed from its hash.
    pub salt: Salt,
    /// Of what.
    pub target: EnvelopeId,
    /// Why: 1 to 1,000 characters.
    pub reason: String,
}

impl BodyOf for Grant {
    const KIND: Kind = Kind::GRANT;
    fn check(&self) -> Result<(), BodyError> {
        if self.powers.0 == 0 || !Powers::ALL.has(self.powers) {
            return Err(BodyError::Value { field: "powers", seen: i64::from(self.powers.0) });
        }
        Ok(())
    }
}

impl BodyOf for Withdraw {
    const KIND: Kind = Kind::WITHDRAW;
    fn check(&self) -> Result<(), BodyError> {
        sorted_heads(&self.heads)
    }
}

impl BodyOf for Action {
    const KIND: Kind = Kind::ACTION;
    fn check(&self) -> Result<(), BodyError> {
        chars("rule", &self.rule, usize::from(self.deed == Deed::Remove), RULE_CHARS_MAX)
    }
}

impl BodyOf for Report {
    const KIND: Kind = Kind::REPORT;
    fn check(&self) -> Result<(), BodyError> {
        chars("reason", &self.reason, 1, REASON_CHARS_MAX)
    }
}
