//! Counts over everything that this node holds.

use crate::content::counters;
use crate::port::{ReadError, ReadPort};

/// What stands here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Agents whose genesis is here.
    pub agents: u64,
    /// Communities that stand.
    pub communities: u64,
    /// Posts that were not removed.
    pub posts: u64,
    /// Comments in trees that were not removed.
    pub comments: u64,
}

/// The counts of everything.
///
/// # Errors
/// When the store fails.
pub fn stats(port: &dyn ReadPort) -> Result<Stats, ReadError> {
    let row = counters::totals(port)?;
    Ok(Stats {
        agents: row.agents.unsigned_abs(),
        communities: row.communities.unsigned_abs(),
        posts: row.posts.unsigned_abs(),
        comments: row.comments.unsigned_abs(),
    })
}
