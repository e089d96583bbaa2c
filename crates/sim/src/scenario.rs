//! What a run is to be, as data: how many nodes and agents, how long, how bad the links, which faults.
//!
//! A scenario and a seed say everything: the same two give the same run. Where a scenario holds a [`Plan`], its faults are
//! those; otherwise they are drawn from the seed.

use crate::plan::{FaultKind, Plan, WEEK_MS};
use crate::planted::Planted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One kind of run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Honest nodes.
    pub nodes: usize,
    /// How many of them, the first ones, are home to agents.
    pub homes: usize,
    /// How many of them, the last ones, hold two shards of the four only; no homes.
    pub partial: usize,
    /// How many of them, the last ones before those, take old texts away: the bodies of all days but today's; no homes.
    pub pruning: usize,
    /// Agents, at home in turn.
    pub agents: usize,
    /// Virtual minutes of work and faults; then everything is healed.
    pub minutes: u64,
    /// Envelopes that agents are to publish.
    pub envelopes: usize,
    /// Links that each node keeps.
    pub degree: usize,
    /// Hostile peers, where the plan is drawn; their kinds go by turns.
    pub hostile: usize,
    /// How often nodes compare digests, in milliseconds.
    pub anti_entropy_ms: u64,
    /// How often homes sign checkpoints of their agents at most, in milliseconds; 0 for never.
    pub checkpoint_ms: u64,
    /// A node that lacks so many envelopes reads a peer's log, in pages of so many bytes: small, so that it happens.
    pub snapshot_min: u64,
    /// Bytes of such a page.
    pub snapshot_page_bytes: u32,
    /// After healing, all honest nodes hold the same within this, in seconds.
    pub heal_within_s: u64,
    /// On how many nodes the views are folded from zero at the end.
    pub refolded: usize,
    /// The most envelopes that may wait for an identity on one node: small, so that the bound is met.
    pub pending_max: usize,
    /// How bad the links are.
    pub links: Links,
    /// How many faults of each kind are drawn at most, where the plan is drawn.
    pub faults: BTreeMap<FaultKind, u64>,
    /// The faults themselves, in place of drawn ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// A defect that is put in on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planted: Option<Planted>,
}

/// How bad the links are, until everything is healed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// The shortest delay of a message, in milliseconds.
    pub latency_ms: u64,
    /// What chance adds to it at most, in milliseconds.
    pub jitter_ms: u64,
    /// Messages that are lost, of 1,000: frames in a full queue, requests in a dead stream.
    pub loss: u64,
    /// Frames and answers that come twice, of 1,000.
    pub duplicate: u64,
    /// Messages that many others overtake, of 1,000.
    pub reorder: u64,
    /// What one direction of a link carries, in bytes a millisecond.
    pub bytes_per_ms: u64,
    /// Frames that wait for one direction of a link at most; beyond, they are dropped.
    pub queue: usize,
}

impl Default for Links {
    fn default() -> Self {
        Self { latency_ms: 5, jitter_ms: 60, loss: 30, duplicate: 20, reorder: 20, bytes_per_ms: 1_250, queue: 256 }
    }
}

impl Default for Scenario {
    fn default() -> Self {
        let faults = [
            (FaultKind::Partition, 3),
            (FaultKind::Crash, 5),
            (FaultKind::SlowDisk, 3),
            (FaultKind::DiskFails, 1),
            (FaultKind::Skew, 3),
            (FaultKind::Leave, 2),
            (FaultKind::Join, 2),
            (FaultKind::Loss, 2),
            (FaultKind::Restore, 1),
            (FaultKind::Copy, 1),
        ];
        Self {
            nodes: 12,
            homes: 8,
            partial: 2,
            pruning: 2,
            agents: 24,
            minutes: 30,
            envelopes: 600,
            degree: 6,
            hostile: 2,
            anti_entropy_ms: 30_000,
            checkpoint_ms: 240_000,
            snapshot_min: 48,
            snapshot_page_bytes: 16_384,
            heal_within_s: 600,
            refolded: 2,
            pending_max: 256,
            links: Links::default(),
            faults: faults.into_iter().collect(),
            plan: None,
            planted: None,
        }
    }
}

/// Why a scenario cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// A number is out of its range.
    #[error("{what} is {seen}, {low} to {high} are allowed")]
    Range {
        /// Which.
        what: &'static str,
        /// What it is.
        seen: u64,
        /// At least.
        low: u64,
        /// At most.
        high: u64,
    },
    /// A fault names a node that there is not.
    #[error("fault {fault} of the plan concerns node {node}; there are nodes 0 to {last}")]
    Node {
        /// The fault's place in the plan.
        fault: usize,
        /// The node.
        node: usize,
        /// The last node.
        last: usize,
    },
}

/// The most nodes of one run: each takes some 300 KB before it holds anything.
const NODES_MAX: u64 = 10_000;

/// The longest run in minutes: a week.
const MINUTES_MAX: u64 = 7 * 24 * 60;

/// The most faults of one kind that are drawn.
const FAULTS_MAX: u64 = 1_000;

/// The most faults that a plan names.
const PLANNED_MAX: u64 = 10_000;

/// The latest begin and end of a fault, and how bad it may be: two weeks in milliseconds.
const FAULT_MS_MAX: u64 = 2 * MINUTES_MAX * 60_000;

impl Scenario {
    /// Checks every number.
    ///
    /// # Errors
    /// The first that is out of its range.
    pub fn checked(self) -> Result<Self, ScenarioError> {
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let nodes = number(self.nodes);
        let mut ranges = vec![
            ("nodes", nodes, 1, NODES_MAX),
            ("homes", number(self.homes), 1, nodes),
            ("partial", number(self.partial), 0, number(self.nodes.saturating_sub(self.homes))),
            ("pruning", number(self.pruning), 0, number(self.nodes.saturating_sub(self.homes + self.partial))),
            ("checkpoint_ms", self.checkpoint_ms, 0, 7 * 24 * 3_600_000),
            ("snapshot_min", self.snapshot_min, 1, 1_000_000),
            ("snapshot_page_bytes", u64::from(self.snapshot_page_bytes), 1_024, 1_048_576),
            ("agents", number(self.agents), 1, 100_000),
            ("minutes", self.minutes, 1, MINUTES_MAX),
            ("envelopes", number(self.envelopes), 0, 10_000_000),
            ("degree", number(self.degree), 1, 1_000),
            ("hostile", number(self.hostile), 0, nodes),
            ("anti_entropy_ms", self.anti_entropy_ms, 100, 3_600_000),
            ("heal_within_s", self.heal_within_s, 1, 86_400),
            ("pending_max", number(self.pending_max), 4, 1_000_000),
            ("links.bytes_per_ms", self.links.bytes_per_ms, 1, 1_000_000_000),
            ("links.queue", number(self.links.queue), 1, 1_000_000),
            ("links.latency_ms", self.links.latency_ms, 1, 60_000),
            ("links.jitter_ms", self.links.jitter_ms, 0, 60_000),
            ("links.loss", self.links.loss, 0, 900),
            ("links.duplicate", self.links.duplicate, 0, 900),
            ("links.reorder", self.links.reorder, 0, 900),
        ];
        ranges.extend(self.faults.values().map(|most| ("the number of faults of one kind", *most, 0, FAULTS_MAX)));
        if let Some(plan) = &self.plan {
            ranges.extend([
                ("plan.into_week_ms", plan.into_week_ms, 0, WEEK_MS),
                ("the number of plan.hostile", number(plan.hostile.len()), 0, nodes),
                ("the number of plan.faults", number(plan.faults.len()), 0, PLANNED_MAX),
            ]);
            for fault in &plan.faults {
                let amount = fault.amount.unsigned_abs();
                ranges.extend([
                    ("at_ms of a fault", fault.at_ms, 0, FAULT_MS_MAX),
                    ("for_ms of a fault", fault.for_ms, 0, FAULT_MS_MAX),
                    ("amount of a fault, without its sign,", amount, 0, FAULT_MS_MAX),
                ]);
            }
        }
        for (what, seen, low, high) in ranges {
            if !(low..=high).contains(&seen) {
                return Err(ScenarioError::Range { what, seen, low, high });
            }
        }
        let last = self.nodes - 1;
        for (fault, of) in self.plan.iter().flat_map(|plan| plan.faults.iter().enumerate()) {
            if let Some(node) = of.nodes.iter().copied().find(|node| *node > last) {
                return Err(ScenarioError::Node { fault, node, last });
            }
        }
        Ok(self)
    }

    /// How long agents work and things go wrong, in milliseconds.
    #[must_use]
    pub const fn work_ms(&self) -> u64 {
        self.minutes * 60_000
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::Fault;

    #[test]
    fn numbers_that_no_run_could_end_with_are_refused() {
        assert_eq!(Scenario::default().checked().unwrap(), Scenario::default());
        let fault = |at_ms, for_ms, amount| Fault { kind: FaultKind::Skew, at_ms, for_ms, nodes: vec![0], amount };
        let planned = |plan: Plan| Scenario { plan: Some(plan), ..Scenario::default() };
        let with = |fault| planned(Plan { faults: vec![fault], ..Plan::default() });
        let refused = [
            Scenario { faults: [(FaultKind::Partition, u64::MAX)].into(), ..Scenario::default() },
            planned(Plan { into_week_ms: u64::MAX, ..Plan::default() }),
            planned(Plan { hostile: vec![crate::plan::HostileKind::Lie; 13], ..Plan::default() }),
            with(fault(u64::MAX, 1, 1)),
            with(fault(1, u64::MAX, 1)),
            with(fault(1, 1, i64::MIN)),
        ];
        for scenario in refused {
            let error = scenario.clone().checked().unwrap_err();
            assert!(matches!(error, ScenarioError::Range { low: 0, .. }), "{error} of {scenario:?}");
        }
        with(fault(1, 1, -180_000)).checked().unwrap();
    }
}
