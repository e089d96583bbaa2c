//! What a mesh did, as numbers: for people a few lines, for programs JSON.

use crate::numbers::{count, delay};
use serde::Serialize;

/// A node of the mesh, as it was reached.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
    /// The base URL of its API.
    pub api: String,
    /// Its libp2p peer id.
    pub peer_id: String,
}

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
    /// The nodes, in the order in which they were started.
    pub members: Vec<Member>,
    /// Envelopes that each node holds at the end, by node.
    pub envelopes: Vec<u64>,
    /// Envelopes over all nodes, held over owed: 1 when every node holds every envelope.
    pub delivery_ratio: f64,
    /// Median delay from an author's home to another node, in milliseconds; `None` when nothing went to another.
    pub p50_ms: Option<f32>,
    /// The delay that 99 of 100 arrivals stay under, in milliseconds; `None` like the median.
    pub p99_ms: Option<f32>,
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
            "{}, {}, {:.0} s (seed {}): {} ({:.1}/s), {}, {} ({:.1}/s), {}, {} failed",
            count(self.nodes as u64, "node"),
            count(self.agents as u64, "agent"),
            self.seconds,
            self.seed,
            count(self.posts, "post"),
            self.posts_per_second,
            count(self.comments, "comment"),
            count(self.votes, "vote"),
            self.votes_per_second,
            count(self.follows, "follow"),
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
            "delivery {:.4}, post to arrival p50 {}, p99 {}; digests {settled}; {} on each node",
            self.delivery_ratio,
            delay(self.p50_ms),
            delay(self.p99_ms),
            count(self.envelopes.iter().max().copied().unwrap_or(0), "envelope")
        )
    }
}
