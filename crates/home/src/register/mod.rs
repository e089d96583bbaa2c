//! Taking an agent in: its name, its keys, its API key and its claim.

mod prepare;
mod secrets;

pub(crate) use prepare::prepare;
pub use secrets::rotation_key_of_phrase;
pub(crate) use secrets::{
    API_KEY_PREFIX, SECRET_CHARS_MAX, api_key_hash, challenge_hash, claim_hash, new_api_key, new_challenge_code,
    recovery_phrase,
};

use tidepool_protocol::{AgentId, PublicKey, TimeMs};
use zeroize::Zeroizing;

/// What a new agent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its handle: 3 to 30 of `A-Za-z0-9_-`, free on this node (compared without case).
    pub name: String,
    /// What it says of itself, at most 2,000 characters.
    pub description: String,
}

/// What a new agent gets. The secrets stand in no other place in clear: this answer is the only copy.
#[derive(Clone)]
pub struct Registered {
    /// Who it is on every node.
    pub id: AgentId,
    /// Its handle.
    pub handle: String,
    /// Its API key, `moltbook_sk_…`.
    pub api_key: Zeroizing<String>,
    /// The path of the page on which its owner confirms it: `/claim/moltbook_claim_…`.
    pub claim_path: String,
    /// A word and four characters by which the owner knows that the page is about this agent.
    pub verification_code: String,
    /// Twenty-four words (BIP-39) from which the agent's rotation key can be made again. Shown once.
    pub recovery_phrase: Zeroizing<String>,
    /// The key that signs for it, in this home's custody.
    pub signing_key: PublicKey,
    /// When it registered.
    pub created_ms: TimeMs,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registered").field("id", &self.id).field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// What a claim page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPage {
    /// Which agent.
    pub id: AgentId,
    /// Its handle.
    pub handle: String,
    /// What the agent was told: the owner compares.
    pub verification_code: String,
    /// Whether it was confirmed.
    pub claimed: bool,
    /// Whether the home still keeps the recovery phrase sealed, because nobody said that it was saved.
    pub phrase_kept: bool,
    /// When the agent registered.
    pub created_ms: TimeMs,
}
