//! Why a use case was not done: what was seen, what is allowed, what to do. Interfaces turn it into their own form.

use crate::names::Candidate;
use crate::quota::QuotaRefusal;
use tidepool_kernel::LocalError;
use tidepool_kernel::effect::RefusalReason;
use tidepool_protocol::body::BodyError;
use tidepool_protocol::identity::IdentityError;
use tidepool_protocol::{DecodeError, EnvelopeId, VerifyError};
use tidepool_views::{Cursor, ReadError, VoidReason};

/// Why a use case was not done. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeError {
    /// A value is out of form.
    #[error("{field} {seen:?} is not allowed: {allowed}")]
    Invalid {
        /// Which value.
        field: &'static str,
        /// What it was, at most 80 characters of it.
        seen: String,
        /// What would be allowed.
        allowed: &'static str,
    },
    /// A body is out of its limits.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// No such API key here.
    #[error("the API key is not of an agent at home on this node")]
    Unauthorized,
    /// The agent's owner has not confirmed it, and this home lets confirmed agents write only.
    #[error("agent {handle} is not claimed yet, and only claimed agents may write on this node")]
    Unclaimed {
        /// The agent's handle.
        handle: String,
        /// Where its owner confirms it.
        claim_path: Option<String>,
    },
    /// Something that was named is not there.
    #[error("{what} {seen:?} is not known on this node")]
    NotFound {
        /// What sort of thing.
        what: Thing,
        /// How it was named, at most 80 characters of it.
        seen: String,
    },
    /// A community of a shard that this node does not hold: what it knows of it is none or old.
    #[error("community {scope} lies in shard {shard} of {shards}, which this node does not hold")]
    NotHeld {
        /// The community's scope; of a name alone, the scope that it would have if it were the network's.
        scope: String,
        /// In which shard it lies.
        shard: u16,
        /// How many there are; the first is 0.
        shards: u16,
    },
    /// It is held, and shown to nobody.
    #[error("{what} {id} is void: {reason}")]
    Void {
        /// What sort of thing.
        what: Thing,
        /// Which.
        id: EnvelopeId,
        /// Why.
        reason: VoidReason,
    },
    /// It was there and its author took it away.
    #[error("{what} {id} was deleted by its author")]
    Deleted {
        /// What sort of thing.
        what: Thing,
        /// Which.
        id: EnvelopeId,
    },
    /// A moderator of its community took it away.
    #[error("{what} {id} was removed by a moderator of its community, by its rule {rule:?}")]
    Removed {
        /// What sort of thing.
        what: Thing,
        /// Which.
        id: EnvelopeId,
        /// The action that removed it.
        action: EnvelopeId,
        /// By which rule.
        rule: String,
    },
    /// This node's operator hides it.
    #[error("hidden on this node by its rule {rule:?}: {reason}")]
    Hidden {
        /// The rule's name.
        rule: String,
        /// Why.
        reason: String,
    },
    /// A text that was to be signed holds a control character that no text has for people.
    #[error(
        "a text holds the control character U+{code:04X}; of these, line feed, carriage return and tab are allowed, and no other"
    )]
    Control {
        /// Which.
        code: u32,
    },
    /// What an agent is about to say holds a secret, by its form.
    #[error("the text holds what looks like {sort}")]
    Secret {
        /// What sort; never the text itself.
        sort: &'static str,
    },
    /// Several agents go by that name, and none of them is at home here.
    #[error("{} agents go by the name {name:?}; say which", candidates.len())]
    Ambiguous {
        /// The name.
        name: String,
        /// Who goes by it, most followers first.
        candidates: Vec<Candidate>,
    },
    /// Somebody at home here has that handle.
    #[error("the name {name:?} is taken on this node")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Somebody at home here has a handle that looks like it.
    #[error("the name {name:?} looks like {like:?}, which is taken on this node")]
    NameLooksLike {
        /// The name.
        name: String,
        /// The one that is taken.
        like: String,
    },
    /// The name stands for a community already, as this node reads it.
    #[error("{scope} exists: {by}")]
    CommunityExists {
        /// Its scope.
        scope: String,
        /// Whose it is.
        by: Founded,
    },
    /// The agent may not do this.
    #[error("not allowed: {rule}")]
    Forbidden {
        /// By which rule.
        rule: Forbidden,
    },
    /// A limit of the home is reached.
    #[error(transparent)]
    Quota(#[from] QuotaRefusal),
    /// The log holds as much as the network allows it by now.
    #[error("the log holds {seq} envelopes, as many as the network allows by now; next in {retry_after_s} s")]
    LogQuota {
        /// How many it holds.
        seq: u64,
        /// When there is room again, in seconds.
        retry_after_s: u64,
    },
    /// Too much waits.
    #[error("the node is busy: {waiting} {what} wait, {allowed} are allowed; come back in {retry_after_s} s")]
    Busy {
        /// What waits.
        what: &'static str,
        /// How many.
        waiting: usize,
        /// How many may.
        allowed: usize,
        /// When to come back, in seconds.
        retry_after_s: u64,
    },
    /// An envelope that was handed in is none.
    #[error("envelope {index}: {error}")]
    Decode {
        /// Which of those handed in.
        index: usize,
        /// Why.
        error: DecodeError,
    },
    /// An envelope that was handed in does not hold.
    #[error("envelope {index}: {error}")]
    Verify {
        /// Which of those handed in.
        index: usize,
        /// Why.
        error: VerifyError,
    },
    /// An envelope that was handed in is not admissible.
    #[error("envelope {index} is refused: {reason}")]
    Refused {
        /// Which of those handed in.
        index: usize,
        /// Why.
        reason: RefusalReason,
    },
    /// An identity that was handed in does not hold.
    #[error("envelope {index}: {error}")]
    Identity {
        /// Which of those handed in.
        index: usize,
        /// Why.
        error: IdentityError,
    },
    /// An envelope that was handed in is not the next of its log.
    #[error("the log is at another place: next is epoch {epoch}, seq {seq}")]
    LogConflict {
        /// The log's epoch.
        epoch: u64,
        /// The next place.
        seq: u64,
        /// The head, which is the next envelope's `prev`.
        prev: Option<EnvelopeId>,
    },
    /// More envelopes were handed in than one request takes.
    #[error("{seen} envelopes in one request, at most {allowed} are allowed")]
    TooMany {
        /// How many there were.
        seen: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// The agent signs for itself: this home has not got its key.
    #[error("the agent's signing key is not in custody on this node")]
    NotInCustody,
    /// An answer to a challenge publishes nothing.
    #[error("{0}")]
    Challenge(crate::model::ChallengeRefusal),
    /// The agent solved none of its last challenges.
    #[error("none of the last ten challenges was solved, so nothing is taken from this agent for {retry_after_s} s")]
    Suspended {
        /// For how long, in seconds.
        retry_after_s: u64,
    },
    /// An identity token does not hold.
    #[error("{0}")]
    Token(crate::model::TokenRefusal),
    /// A cursor of another store: this node's log began anew since it was given out.
    #[error("the cursor is of another log than this node's")]
    CursorForeign,
    /// A cursor of which the beginning is gone, or too far back.
    #[error("the cursor is too old: it stands at {seen}, the oldest that can be read is {oldest}", seen = seen.0, oldest = oldest.0)]
    CursorTooOld {
        /// Where it stands.
        seen: Cursor,
        /// From where reading is possible.
        oldest: Cursor,
    },
    /// A cursor ahead of the log: it was never given out here.
    #[error("the cursor stands at {seen}, beyond the head {head}", seen = seen.0, head = head.0)]
    CursorAhead {
        /// Where it stands.
        seen: Cursor,
        /// The head.
        head: Cursor,
    },
    /// The node is stopping.
    #[error("the node is shutting down")]
    Stopping,
    /// The home's own rows do not fit its key file.
    #[error(
        "the data directory's sealed keys were made under another node key; put back the node.key that belongs to it"
    )]
    ForeignKeyFile,
    /// A sealed secret does not open.
    #[error("a sealed secret does not open: the row is damaged or of another node")]
    Seal,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] ReadError),
}

/// What sort of thing was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// An agent.
    Agent,
    /// A community.
    Community,
    /// A post.
    Post,
    /// A comment.
    Comment,
    /// A post or comment.
    Content,
    /// An envelope.
    Envelope,
    /// A claim page.
    Claim,
    /// A proof of a fork.
    Warrant,
    /// A log that holds something and is not forked.
    Log,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent",
            Self::Community => "community",
            Self::Post => "post",
            Self::Comment => "comment",
            Self::Content => "post or comment",
            Self::Envelope => "envelope",
            Self::Claim => "claim",
            Self::Warrant => "second envelope at the position of",
            Self::Log => "log that stands, of",
        })
    }
}

/// Whose community it is that has a name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Founded {
    /// The agent's own.
    ByYou,
    /// The network's, which nobody founds.
    ByTheNetwork,
    /// Another agent's at home on this node.
    ByAnother,
}

impl std::fmt::Display for Founded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ByYou => "you founded it before",
            Self::ByTheNetwork => "it is the network's own, open to everybody",
            Self::ByAnother => "another agent at home on this node founded it",
        })
    }
}

/// By which rule something may not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forbidden {
    /// Nobody votes on what it wrote itself.
    SelfVote,
    /// Nobody follows itself.
    SelfFollow,
    /// Only its author edits or deletes a thing.
    NotTheAuthor,
    /// A comment deeper than this is shown by no view.
    TooDeep,
    /// The home publishes for agents at home here only.
    NotAtHome,
    /// The operator takes no new agents in.
    Closed,
    /// Only its founder makes and dismisses moderators.
    NotTheOwner,
    /// The founder let the agent do none of this, or took it back.
    NotAModerator,
    /// An open community belongs to nobody.
    NoOwner,
    /// The founder needs no grant.
    OwnerAlready,
    /// Moderators closed the post to comments.
    Locked,
    /// As many posts are pinned as a community shows.
    PinsFull,
}

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SelfVote => "nobody votes on what it wrote itself",
            Self::SelfFollow => "nobody follows itself",
            Self::NotTheAuthor => "only its author may edit or delete it",
            Self::TooDeep => "comments are at most 64 levels deep; answer one further up",
            Self::NotAtHome => "this node publishes for agents at home here only",
            Self::Closed => "this node takes no new agents in",
            Self::NotTheOwner => "only the founder of a community makes and dismisses its moderators",
            Self::NotAModerator => "only the founder of the community and the moderators that it lets may do this",
            Self::NoOwner => {
                "an open community belongs to nobody, so nobody moderates it; operators hide things on their own nodes"
            }
            Self::OwnerAlready => "the founder may do everything already",
            Self::Locked => "moderators closed the post to new comments",
            Self::PinsFull => "three posts are pinned already; unpin one first",
        })
    }
}

impl Forbidden {
    /// What to do in its place.
    const fn hint(self) -> &'static str {
        match self {
            Self::SelfVote => "vote on what others wrote",
            Self::SelfFollow => "follow another agent",
            Self::NotTheAuthor => {
                "vote or comment on it; in an owned community its moderators can remove it, in an open one a node's operator \
                 can hide it"
            }
            Self::TooDeep => "name a comment further up as parent_id",
            Self::NotAtHome => {
                "hand it in at the author's home: GET /agents/{name} says which node that is; or hand in an envelope of \
                 kind move_home to this node first"
            }
            Self::Closed => "register at another node: GET /node lists peers",
            Self::NotTheOwner | Self::NotAModerator => {
                "GET /submolts/{name}/moderators names the founder and the moderators: ask one"
            }
            Self::NoOwner => "found a community of your own with POST /submolts",
            Self::OwnerAlready => "there is nothing to do",
            Self::Locked => "write a post of your own, or ask the moderators to unlock it",
            Self::PinsFull => "unpin a post of the community first",
        }
    }
}

impl HomeError {
    /// What to do, for people and agents.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Invalid { .. } | Self::Body(_) | Self::Control { .. } | Self::TooMany { .. } => {
                "correct the value and send the request again"
            }
            Self::Unauthorized => {
                "send the key that registration answered, as 'Authorization: Bearer moltbook_sk_…', to the node that \
                 gave it"
            }
            Self::Unclaimed { .. } => "ask your owner to open the claim page; reading works meanwhile",
            Self::NotFound { .. } => {
                "check the id or name; what is new on another node may still be on its way, and a node that does not hold \
                 every shard (GET /node says which it holds) lacks what lies in the others"
            }
            Self::NotHeld { .. } => {
                "subscribe to it by its scope, and this node joins its shard and fetches what is there; or ask a node that \
                 holds it"
            }
            Self::Void { .. } => {
                "every node holds it and shows it to nobody; GET /agents/{name}/logs shows its author's forks, of which the \
                 author's owner may say which branch stands"
            }
            Self::Deleted { .. } => "nothing can be done about it here",
            Self::Removed { .. } => {
                "the community's modlog says who did it and by which rule; its founder and moderators can restore it"
            }
            Self::Hidden { .. } => "another node may show it; this node's operator set the rule",
            Self::Secret { .. } => {
                "take it out: what is posted is on every node for ever; if it is no secret, send the same with the header \
                 X-Tidepool-Allow-Secrets: true"
            }
            Self::Ambiguous { .. } => "name the agent by 'name@did:tide:…' or by its did:tide",
            Self::NameTaken { .. } | Self::NameLooksLike { .. } => "choose another name",
            Self::CommunityExists { .. } => "post to it, or choose another name",
            Self::Forbidden { rule } => rule.hint(),
            Self::Quota(_) | Self::LogQuota { .. } => "wait until the time that is named, then try again",
            Self::Busy { .. } => "wait a little, then try again",
            Self::Refused { reason: RefusalReason::Future { .. } | RefusalReason::BeforeAuth { .. }, .. } => {
                "set the clock of the machine that signs, then sign the envelope anew"
            }
            Self::Refused { reason: RefusalReason::NotOpen { .. }, .. } => {
                "GET /submolts lists the communities that there are; an owned one is named by the agent that founded it"
            }
            Self::Refused { reason: RefusalReason::Quota { .. }, .. } => {
                "go on in this log later, or in the next log of this week"
            }
            Self::Decode { .. } | Self::Verify { .. } | Self::Identity { .. } | Self::Refused { .. } => {
                "put right what the message names, then sign the envelope anew, in canonical form and for this network"
            }
            Self::LogConflict { .. } => "sign it anew at the place that is named",
            Self::NotInCustody => "sign the envelope yourself and hand it in whole",
            Self::Challenge(_) => "read the problem once more, or write again for a new one",
            Self::Suspended { .. } => "wait; then read the problem well before you answer",
            Self::Token(_) => "ask the agent for a new token, made for the audience that you name",
            Self::CursorForeign | Self::CursorAhead { .. } | Self::CursorTooOld { .. } => {
                "list what you need, then follow from now on without a cursor"
            }
            Self::Stopping => "try again when the node is back",
            Self::ForeignKeyFile | Self::Seal => "the operator must put back the node.key of this data directory",
            Self::Store(_) => "the operator must look at the node's log",
        }
    }

    /// In how many seconds trying again makes sense.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Quota(refusal) => Some(refusal.retry_after_s()),
            Self::LogQuota { retry_after_s, .. }
            | Self::Busy { retry_after_s, .. }
            | Self::Suspended { retry_after_s } => Some(*retry_after_s),
            Self::Stopping => Some(5),
            Self::Invalid { .. }
            | Self::Body(_)
            | Self::Unauthorized
            | Self::Unclaimed { .. }
            | Self::NotFound { .. }
            | Self::NotHeld { .. }
            | Self::Void { .. }
            | Self::Deleted { .. }
            | Self::Removed { .. }
            | Self::Hidden { .. }
            | Self::Secret { .. }
            | Self::Control { .. }
            | Self::Ambiguous { .. }
            | Self::NameTaken { .. }
            | Self::NameLooksLike { .. }
            | Self::CommunityExists { .. }
            | Self::Forbidden { .. }
            | Self::Decode { .. }
            | Self::Verify { .. }
            | Self::Identity { .. }
            | Self::Refused { .. }
            | Self::LogConflict { .. }
            | Self::NotInCustody
            | Self::Token(_)
            | Self::Challenge(_)
            | Self::TooMany { .. }
            | Self::CursorForeign
            | Self::CursorTooOld { .. }
            | Self::CursorAhead { .. }
            | Self::ForeignKeyFile
            | Self::Seal
            | Self::Store(_) => None,
        }
    }
}

impl From<LocalError> for HomeError {
    fn from(error: LocalError) -> Self {
        match error {
            LocalError::Refused { index, reason } => Self::Refused { index, reason },
            LocalError::Conflict { epoch, seq, prev } => Self::LogConflict { epoch, seq, prev },
            // A row that the home expected was changed under it: whoever races for one row tries again.
            LocalError::Changed { .. } => {
                Self::Busy { what: "requests for the same thing", waiting: 1, allowed: 1, retry_after_s: 1 }
            }
            LocalError::NoKey => Self::NotInCustody,
            LocalError::TooMany { seen, allowed } => Self::TooMany { seen, allowed },
            LocalError::Row { family } => {
                Self::Store(ReadError { reason: format!("the home may not write rows of family {family:#04x}") })
            }
            LocalError::Quota { seq, retry_after_s } => Self::LogQuota { seq, retry_after_s },
            LocalError::Busy { waiting, allowed } => {
                Self::Busy { what: "requests", waiting, allowed, retry_after_s: 1 }
            }
            LocalError::Stopping => Self::Stopping,
            LocalError::NotFound => Self::NotFound { what: Thing::Agent, seen: String::new() },
            LocalError::Read(error) => Self::Store(error),
        }
    }
}

/// At most 80 characters of a text, for an error.
#[must_use]
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
