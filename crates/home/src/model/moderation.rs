//! Moderation of communities: who may act there, what was done, what was reported.

use super::{AuthorRef, CommunityRef, Provenance};
use tidepool_protocol::body::{Deed, Powers};
use tidepool_protocol::{EnvelopeId, TimeMs};

/// What somebody is in a community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It founded it.
    Owner,
    /// The founder lets it moderate.
    Moderator,
}

/// Somebody who may act in a community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moderator {
    /// Who.
    pub agent: AuthorRef,
    /// As what.
    pub role: Role,
    /// What it may do.
    pub powers: Powers,
    /// Its grant; `None` for the founder.
    pub grant: Option<EnvelopeId>,
    /// Since when.
    pub since_ms: TimeMs,
}

/// What became of a request that moderates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModerationOutcome {
    /// In which community.
    pub community: CommunityRef,
    /// The envelope that says it; `None` when it was so before and nothing was written.
    pub by: Option<EnvelopeId>,
}

/// A change of a community's settings: `None` leaves what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// 1 to 64 characters.
    pub display_name: Option<String>,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// `#rrggbb`.
    pub banner_color: Option<String>,
    /// `#rrggbb`.
    pub theme_color: Option<String>,
    /// At most 20 rules of 1 to 500 characters, all of them anew.
    pub rules: Option<Vec<String>>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moderation {
    /// Something to a post or comment.
    Action {
        /// What.
        deed: Deed,
        /// To what.
        target: EnvelopeId,
        /// Whether that is a comment.
        is_comment: bool,
        /// By which rule.
        rule: String,
        /// The action that decides of the same thing now; `None` when it is this.
        superseded_by: Option<EnvelopeId>,
    },
    /// An agent was made a moderator.
    Grant {
        /// Who.
        agent: AuthorRef,
        /// With which powers.
        powers: Powers,
        /// Whether that was taken back.
        is_withdrawn: bool,
    },
    /// A grant was taken back.
    Withdraw {
        /// Which.
        grant: EnvelopeId,
        /// Whose it was, if that is known here.
        agent: Option<AuthorRef>,
        /// How many heads of its logs are named as standing.
        heads: usize,
    },
    /// Settings were changed.
    Settings(SettingsChange),
}

/// An entry of a community's log of moderation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModerationEntry {
    /// The envelope that says it.
    pub id: EnvelopeId,
    /// Who did it.
    pub author: AuthorRef,
    /// By which grant; `None` for the founder.
    pub grant: Option<EnvelopeId>,
    /// When its author says that it was signed.
    pub time_ms: TimeMs,
    /// What.
    pub what: Moderation,
    /// Who signed it and how it came.
    pub provenance: Provenance,
}

/// Why a post or comment is gone, when a moderator took it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedBy {
    /// The action.
    pub action: EnvelopeId,
    /// By which rule of the community.
    pub rule: String,
    /// By whom.
    pub by: AuthorRef,
}

/// A report as moderators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The envelope that says it.
    pub id: EnvelopeId,
    /// Who reports.
    pub author: AuthorRef,
    /// Of what.
    pub target: EnvelopeId,
    /// Why.
    pub reason: String,
    /// When.
    pub time_ms: TimeMs,
}

/// A page of something that has no list of its own parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
}
