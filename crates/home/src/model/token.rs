//! Identity tokens: what is given out, and what is said of one that is shown.

use super::Agent;
use tidepool_protocol::TimeMs;

/// A token that an agent may show to others.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityToken {
    /// The token itself, a JWT.
    pub token: String,
    /// When it ends.
    pub expires_ms: TimeMs,
    /// For how long it holds, in seconds.
    pub lasts_s: u64,
    /// Whom it is for.
    pub audience: Option<String>,
}

impl std::fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityToken").field("expires_ms", &self.expires_ms).finish_non_exhaustive()
    }
}

/// A token that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenVerdict {
    /// Whose it is.
    pub agent: Agent,
    /// When it ends.
    pub expires_ms: TimeMs,
    /// Whom it is for.
    pub audience: Option<String>,
}

/// Why a token does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenRefusal {
    /// It is none, or its signature is not of a key that the agent's identity lists now.
    Invalid,
    /// Its hour is over.
    Expired,
    /// This node does not know the agent, and found nobody who does.
    AgentNotFound,
    /// It is for somebody, and whoever asks did not say for whom.
    AudienceRequired,
    /// It is for somebody else, or for nobody in particular.
    AudienceMismatch,
}

impl TokenRefusal {
    /// The word for it that clients know.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_token",
            Self::Expired => "identity_token_expired",
            Self::AgentNotFound => "agent_not_found",
            Self::AudienceRequired => "audience_required",
            Self::AudienceMismatch => "audience_mismatch",
        }
    }
}

impl std::fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Invalid => {
                "the token is none, is dated ahead, or is not signed by a key that the agent's identity lists now"
            }
            Self::Expired => "the token's hour is over",
            Self::AgentNotFound => {
                "the agent that the token names is not known here, and nobody was found who knows it"
            }
            Self::AudienceRequired => "the token is for one audience, and the request names none",
            Self::AudienceMismatch => "the token is not for the audience that the request names",
        })
    }
}
