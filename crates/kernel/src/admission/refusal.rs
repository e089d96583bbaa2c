//! Why an envelope is not admitted, in words, and what that means for the peer that sent it.

use crate::effect::Verdict;
use crate::input::Invalid;
use tidepool_protocol::identity::IdentityError;
use tidepool_protocol::limits::{BODY_BYTES_MAX, FUTURE_MS_MAX, GOSSIP_AGE_MS_MAX};
use tidepool_protocol::scope::CommunityName;
use tidepool_protocol::{AuthorId, DecodeError, EnvelopeId, Kind, NetworkId, PublicKey, Scope, Slot, TimeMs};

/// Why an envelope is not admitted: what was seen, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no envelope, or its length, hash, form or signature does not hold.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Of another network.
    #[error("signed for network {seen:?}, this is {expected:?}")]
    Network {
        /// The network in the header.
        seen: NetworkId,
        /// This node's.
        expected: NetworkId,
    },
    /// Signed ahead of this node's clock.
    #[error("signed {ahead_ms} ms in the future, {FUTURE_MS_MAX} are allowed; check the clocks")]
    Future {
        /// How far ahead.
        ahead_ms: u64,
    },
    /// Too old to travel by gossip.
    #[error("signed {age_ms} ms ago; by gossip at most {GOSSIP_AGE_MS_MAX} are allowed")]
    Old {
        /// Its age.
        age_ms: u64,
    },
    /// Its body is missing.
    #[error("the body is missing; only an erased or pruned envelope may lack it")]
    NoBody,
    /// An open community that the genesis does not have.
    #[error("c/{community} is no open community of this network; found an owned one, or use one of the genesis")]
    NotOpen {
        /// Its name.
        community: CommunityName,
    },
    /// Mail does not travel this way.
    #[error("mail goes from home to home and never into a log")]
    Mail,
    /// A kind where its group does not belong.
    #[error("{kind:?} does not belong in scope {scope}")]
    Scope {
        /// The kind.
        kind: Kind,
        /// The scope.
        scope: Scope,
    },
    /// `auth` names an operation of another identity.
    #[error("auth {auth:?} is no operation of {author:?}")]
    Auth {
        /// What is named.
        auth: EnvelopeId,
        /// By whom.
        author: AuthorId,
    },
    /// The key is not listed there.
    #[error("{auth:?} does not list {key:?} for this kind")]
    KeyNotListed {
        /// The key.
        key: PublicKey,
        /// The operation.
        auth: EnvelopeId,
    },
    /// Signed before the operation that allows it.
    #[error("signed at {} ms, before its auth at {} ms", time_ms.0, auth_ms.0)]
    BeforeAuth {
        /// Its time.
        time_ms: TimeMs,
        /// The operation's time.
        auth_ms: TimeMs,
    },
    /// An ephemeral kind with a place in a log.
    #[error("an ephemeral kind has epoch 0, seq 0 and no prev")]
    EphemeralInLog,
    /// An ephemeral envelope where only the log's are sent.
    #[error("an ephemeral envelope is never stored nor synchronised")]
    EphemeralInSync,
    /// The epoch is of another week than the time.
    #[error("the epoch is of week {epoch_week}, the time of week {time_week}")]
    Week {
        /// The epoch's week.
        epoch_week: u64,
        /// The time's week.
        time_week: u64,
    },
    /// Only the first envelope of a log may follow nothing.
    #[error("seq {seq} names no envelope before it; only seq 0 may")]
    NoPrev {
        /// Its place.
        seq: u64,
    },
    /// More than a log may hold by then.
    #[error("seq {seq}, by then a log may hold {allowed}")]
    Quota {
        /// Its place.
        seq: u64,
        /// How many are allowed.
        allowed: u64,
    },
    /// On a topic that does not carry its slot.
    #[error("lies in slot {}, which this topic does not carry", slot.number())]
    Topic {
        /// Its slot.
        slot: Slot,
    },
    /// The author's identity, or that of a home that gives its word, is not here.
    #[error("the identity of {author:?} is not known here; submit its operations first")]
    UnknownIdentity {
        /// Whose.
        author: AuthorId,
    },
    /// It stands twice in one request.
    #[error("the same envelope stands twice in the request")]
    Repeated,
    /// A body that no envelope can have.
    #[error("a body of {seen} bytes, 1 to {BODY_BYTES_MAX} are allowed")]
    BodyLength {
        /// How many bytes it has.
        seen: usize,
    },
    /// The identity operation does not hold.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl Refusal {
    /// What it means for the peer that sent it: is it to blame, or may an honest one have sent this?
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Invalid(invalid) => invalid_verdict(invalid),
            // Clocks and delays differ; ephemeral envelopes and missing bodies may come from a newer version's sync.
            // An identity may be on its way. The rest here is said to local requests only.
            Self::Future { .. }
            | Self::Old { .. }
            | Self::EphemeralInSync
            | Self::UnknownIdentity { .. }
            | Self::Repeated
            | Self::BodyLength { .. } => Verdict::Ignore,
            // An operation whose meaning a newer version knows.
            Self::Identity(IdentityError::Ended(_)) => Verdict::Ignore,
            // Every honest node reaches the same verdict from the header and the identity, so it forwards none of these.
            Self::Network { .. }
            | Self::NoBody
            | Self::NotOpen { .. }
            | Self::Mail
            | Self::Scope { .. }
            | Self::Auth { .. }
            | Self::KeyNotListed { .. }
            | Self::BeforeAuth { .. }
            | Self::EphemeralInLog
            | Self::Week { .. }
            | Self::NoPrev { .. }
            | Self::Quota { .. }
            | Self::Topic { .. }
            | Self::Identity(_) => Verdict::Reject,
        }
    }

    /// A short word for counters.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Invalid(Invalid::Decode(DecodeError::Version { .. })) => "version",
            Self::Invalid(Invalid::Decode(_)) => "malformed",
            Self::Invalid(Invalid::Verify(_)) => "signature",
            Self::Network { .. } => "network",
            Self::Future { .. } => "future",
            Self::Old { .. } => "old",
            Self::NoBody => "no_body",
            Self::NotOpen { .. } => "not_open",
            Self::Mail => "mail",
            Self::Scope { .. } => "scope",
            Self::Auth { .. } => "auth",
            Self::KeyNotListed { .. } => "key_not_listed",
            Self::BeforeAuth { .. } => "before_auth",
            Self::EphemeralInLog | Self::EphemeralInSync => "ephemeral",
            Self::Week { .. } => "week",
            Self::NoPrev { .. } => "no_prev",
            Self::Quota { .. } => "quota",
            Self::Topic { .. } => "topic",
            Self::UnknownIdentity { .. } => "unknown_identity",
            Self::Repeated => "repeated",
            Self::BodyLength { .. } => "body_length",
            Self::Identity(_) => "identity",
        }
    }
}

/// What an invalid envelope means for its sender: a version may be newer than ours, everything else is its fault.
#[must_use]
pub const fn invalid_verdict(invalid: &Invalid) -> Verdict {
    match invalid {
        Invalid::Decode(DecodeError::Version { .. }) => Verdict::Ignore,
        Invalid::Decode(DecodeError::Cbor(_) | DecodeError::BodyLength { .. }) | Invalid::Verify(_) => Verdict::Reject,
    }
}
