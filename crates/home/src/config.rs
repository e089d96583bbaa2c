//! What an operator sets of a home.

use crate::quota::QuotaConfig;
use serde::{Deserialize, Serialize};

/// What an operator sets of a home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HomeConfig {
    /// Whether agents may register here.
    pub open: bool,
    /// Whether an agent may write before its owner confirmed it on the claim page. A development network says yes.
    pub unclaimed_may_write: bool,
    /// For so many hours after it registered an agent solves a challenge for each post, comment and community; 0 for never.
    pub challenge_new_agents_h: u64,
    /// Limits per agent and address.
    pub quota: QuotaConfig,
}

impl Default for HomeConfig {
    fn default() -> Self {
        Self { open: true, unclaimed_may_write: true, challenge_new_agents_h: 0, quota: QuotaConfig::development() }
    }
}
