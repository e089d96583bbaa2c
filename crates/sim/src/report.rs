//! What a run comes to: what happened how often, what was measured, and which promises were broken.

use crate::plan::Plan;
use std::collections::BTreeMap;
use std::fmt;
use tidepool_protocol::EnvelopeId;

/// How often each thing happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    pub(crate) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    /// Adds what another run counted.
    pub fn join(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }

    /// How often `what` happened.
    #[must_use]
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// Everything, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(what, times)| (*what, *times))
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A node stopped although its disk works.
    Halted {
        /// Which.
        node: usize,
        /// What it said.
        reason: String,
    },
    /// A crash took what a node had told its agents or its peers.
    TakenBack {
        /// Which node.
        node: usize,
        /// How many envelopes.
        envelopes: usize,
    },
    /// What was acknowledged is missing at the end.
    Lost {
        /// Where.
        node: usize,
        /// How many envelopes.
        envelopes: usize,
        /// One of them.
        example: EnvelopeId,
    },
    /// Honest nodes did not come to hold the same in time.
    Diverged {
        /// Nodes by what they hold, in groups: how many nodes, and how many envelopes each holds.
        groups: Vec<(usize, u64)>,
    },
    /// Something stored does not verify.
    NotVerified {
        /// Where.
        node: usize,
        /// Which.
        envelope: EnvelopeId,
    },
    /// Digests do not say what the log holds.
    DigestWrong {
        /// Where.
        node: usize,
    },
    /// A fold from zero gives other rows.
    ViewsDiffer {
        /// Where.
        node: usize,
        /// Families of rows that differ.
        families: Vec<u8>,
    },
    /// Two nodes hold the same, and their views say different things.
    ViewsUnequal {
        /// One of them; the first node is the other.
        node: usize,
        /// Families of rows that differ.
        families: Vec<u8>,
    },
    /// A bound was passed.
    Bound {
        /// Where.
        node: usize,
        /// Which.
        what: &'static str,
        /// How much it was.
        seen: u64,
        /// How much it may be.
        allowed: u64,
    },
    /// A node rejected what an honest node had made.
    RejectedHonest {
        /// Which node.
        node: usize,
        /// Whose frame it was.
        origin: usize,
    },
    /// A node blocked an honest peer.
    BlockedHonest {
        /// Which node.
        node: usize,
        /// Whom.
        peer: usize,
    },
    /// A node took score from an honest peer for a lie.
    PenalisedHonest {
        /// Which node.
        node: usize,
        /// Whom.
        peer: usize,
        /// For what.
        offence: &'static str,
    },
    /// An honest agent's log has two envelopes at one place.
    Forked {
        /// Which agent.
        agent: usize,
        /// How many places.
        places: usize,
    },
    /// A branch that a `keep` names does not stand everywhere, or another does.
    KeepIgnored {
        /// Where.
        node: usize,
        /// Whose.
        agent: usize,
        /// How many logs.
        logs: usize,
    },
    /// A node asked honest peers for envelopes although all held the same.
    Restless {
        /// Which.
        node: usize,
        /// How often.
        requests: u64,
    },
    /// A node asked for envelopes of a log although it had all that anybody has.
    Needless {
        /// Which.
        node: usize,
        /// How often.
        requests: u64,
    },
    /// All hold the same, and a node does not know that others have what its agents published.
    Unsent {
        /// Which.
        node: usize,
        /// How many envelopes wait.
        envelopes: u64,
    },
    /// Two nodes of one policy hold the same, and took texts away up to different times.
    HorizonsDiffer {
        /// One of them; the first node of the policy is the other.
        node: usize,
    },
    /// A node has texts that it took away, or lacks some that it keeps.
    RetentionWrong {
        /// Which.
        node: usize,
        /// How many it has that should be gone.
        kept: usize,
        /// How many it lacks.
        lacking: usize,
    },
    /// The same seed gave another trace.
    Trace {
        /// Once.
        first: u64,
        /// And again.
        second: u64,
    },
}

impl Violation {
    /// The words of all.
    pub const WORDS: [&'static str; 20] = [
        "halted",
        "taken back",
        "lost",
        "diverged",
        "not verified",
        "digest wrong",
        "views differ",
        "views unequal",
        "bound passed",
        "honest rejected",
        "honest blocked",
        "honest penalised",
        "forked",
        "keep ignored",
        "restless",
        "needless request",
        "unsent",
        "horizons differ",
        "retention wrong",
        "trace differs",
    ];

    /// A short word: a replay that shows the same word shows the same defect.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Halted { .. } => "halted",
            Self::TakenBack { .. } => "taken back",
            Self::Lost { .. } => "lost",
            Self::Diverged { .. } => "diverged",
            Self::NotVerified { .. } => "not verified",
            Self::DigestWrong { .. } => "digest wrong",
            Self::ViewsDiffer { .. } => "views differ",
            Self::ViewsUnequal { .. } => "views unequal",
            Self::Bound { .. } => "bound passed",
            Self::RejectedHonest { .. } => "honest rejected",
            Self::BlockedHonest { .. } => "honest blocked",
            Self::PenalisedHonest { .. } => "honest penalised",
            Self::Forked { .. } => "forked",
            Self::KeepIgnored { .. } => "keep ignored",
            Self::Restless { .. } => "restless",
            Self::Needless { .. } => "needless request",
            Self::Unsent { .. } => "unsent",
            Self::HorizonsDiffer { .. } => "horizons differ",
            Self::RetentionWrong { .. } => "retention wrong",
            Self::Trace { .. } => "trace differs",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Halted { node, reason } => write!(out, "node {node} halted on a disk that works: {reason}"),
            Self::TakenBack { node, envelopes } => {
                write!(out, "a crash of node {node} took {envelopes} envelopes that it had spoken of")
            }
            Self::Lost { node, envelopes, example } => {
                write!(out, "node {node} lacks {envelopes} acknowledged envelopes, {example:?} for one")
            }
            Self::Diverged { groups } => {
                write!(out, "honest nodes hold different sets (nodes, envelopes of each): {groups:?}")
            }
            Self::NotVerified { node, envelope } => {
                write!(out, "node {node} holds {envelope:?}, which does not verify")
            }
            Self::DigestWrong { node } => write!(out, "the digests of node {node} are not those of its log"),
            Self::ViewsDiffer { node, families } => {
                write!(out, "a fold from zero at node {node} gives other rows of the families {families:02x?}")
            }
            Self::ViewsUnequal { node, families } => {
                write!(
                    out,
                    "node {node} and node 0 hold the same, and the families {families:02x?} of their rows differ"
                )
            }
            Self::Bound { node, what, seen, allowed } => {
                write!(out, "{what} of node {node} is {seen}, {allowed} are allowed")
            }
            Self::RejectedHonest { node, origin } => {
                write!(out, "node {node} rejected a frame that honest node {origin} made")
            }
            Self::BlockedHonest { node, peer } => write!(out, "node {node} blocked honest node {peer}"),
            Self::PenalisedHonest { node, peer, offence } => {
                write!(out, "node {node} penalised honest node {peer}: {offence}")
            }
            Self::Forked { agent, places } => {
                write!(out, "the logs of honest agent {agent} hold two envelopes at {places} places")
            }
            Self::KeepIgnored { node, agent, logs } => {
                write!(out, "at node {node} {logs} logs of agent {agent} do not stand as its owner said")
            }
            Self::Restless { node, requests } => {
                write!(out, "node {node} asked honest peers {requests} times for envelopes when all held the same")
            }
            Self::Needless { node, requests } => {
                write!(out, "node {node} asked {requests} times for what it had of a log")
            }
            Self::Unsent { node, envelopes } => {
                write!(out, "{envelopes} envelopes wait in the outbox of node {node} when all hold the same")
            }
            Self::HorizonsDiffer { node } => {
                write!(out, "node {node} prunes like others, and took texts away up to other times")
            }
            Self::RetentionWrong { node, kept, lacking } => {
                write!(out, "node {node} has {kept} texts behind its horizon and lacks {lacking} this side of it")
            }
            Self::Trace { first, second } => {
                write!(out, "the same seed gave trace {first:016x}, then {second:016x}")
            }
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What went wrong on purpose.
    pub plan: Plan,
    /// Honest nodes.
    pub nodes: usize,
    /// How long it lasted, in virtual milliseconds.
    pub virtual_ms: u64,
    /// Steps of all nodes.
    pub steps: u64,
    /// Envelopes that each honest node holds at the end.
    pub envelopes: u64,
    /// Envelopes that were acknowledged to agents.
    pub acknowledged: u64,
    /// Signatures that were checked.
    pub verified: u64,
    /// How long after healing all honest nodes held the same, in milliseconds.
    pub converged_ms: Option<u64>,
    /// Median and 99th percentile of the time from a request to its envelope's durability at another node, in
    /// milliseconds, whatever went wrong meanwhile.
    pub delay_ms: (u32, u32),
    /// How often each thing happened.
    pub coverage: Coverage,
    /// A hash over everything that every node did.
    pub trace: u64,
    /// Broken promises; none in a good run.
    pub violations: Vec<Violation>,
}

impl Outcome {
    /// Whether nothing was broken.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.violations.is_empty()
    }
}
