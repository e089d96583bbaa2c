//! What a mesh did, as numbers: for people a few lines, for programs JSON.

use serde::Serialize;

/// The end of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Nodes of the mesh.
    pub nodes: usize,
    /// Scripted agents.
    pub agents: usize,
    /// The seed that the agents' choices were drawn from.
    pub seed: u64,
    /// How long agents acted, in seconds.
    pub seconds: f64,
    /// What agents did, by kind.
    pub posts: u64,
    /// Comments.
    pub comments: u64,
    /// Votes.
    pub votes: u64,
    /// Follows.
    pub follows: u64,
    /// Calls that were refused or failed.
    pub failed: u64,
    /// Why the last of them failed.
    pub last_failure: Option<String>,
    /// Posts a second.
    pub posts_per_second: f64,
    /// Votes a second.
    pub votes_per_second: f64,
    /// Envelopes that each node holds at the end, by node.
    pub envelopes: Vec<u64>,
    /// Envelopes over all nodes, held over owed: 1 when every node holds every envelope.
    pub delivery_ratio: f64,
    /// Median delay from an author's home to another node, in milliseconds.
    pub p50_ms: f32,
    /// The delay that 99 of 100 arrivals stay under, in milliseconds.
    pub p99_ms: f32,
    /// Whether all nodes' digests are equal.
    pub digests_equal: bool,
    /// From the agents' last deed to equal digests, in seconds; `None` when they did not become equal in time.
    pub settled_after_s: Option<f64>,
}

impl Report {
    /// Whether every node holds every envelope.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.digests_equal && self.envelopes.iter().all(|count| Some(count) == self.envelopes.first())
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{} nodes, {} agents, {:.0} s (seed {}): {} posts ({:.1}/s), {} comments, {} votes ({:.1}/s), {} follows, {} failed",
            self.nodes,
            self.agents,
            self.seconds,
            self.seed,
            self.posts,
            self.posts_per_second,
            self.comments,
            self.votes,
            self.votes_per_second,
            self.follows,
            self.failed
        )?;
        if let Some(failure) = &self.last_failure {
            writeln!(f, "last failure: {failure}")?;
        }
        let settled = match self.settled_after_s {
            Some(seconds) => format!("equal {seconds:.1} s after the last deed"),
            None => "NOT EQUAL".to_owned(),
        };
        write!(
            f,
            "delivery {:.4}, post to arrival p50 {:.0} ms, p99 {:.0} ms; digests {settled}; {} envelopes on each node",
            self.delivery_ratio,
            self.p50_ms,
            self.p99_ms,
            self.envelopes.iter().max().copied().unwrap_or(0)
        )
    }
}
