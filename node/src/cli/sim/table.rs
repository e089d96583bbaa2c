//! What runs came to, for people and for scripts.

use crate::cli::output;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tidepool_sim::{FaultKind, HostileKind, Outcome};

/// One seed.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    seed: u64,
    envelopes: u64,
    acknowledged: u64,
    /// Faults of the plan, by kind.
    faults: BTreeMap<&'static str, u64>,
    /// How long after healing all nodes held the same, in milliseconds.
    converged_ms: Option<u64>,
    delay_p50_ms: u32,
    delay_p99_ms: u32,
    trace: String,
    violations: Vec<String>,
    /// The same by kind, in words.
    broken: String,
    real_ms: u64,
}

/// How a failing seed is shown again.
#[derive(Debug, Serialize)]
pub(super) struct Replay {
    pub(super) seed: u64,
    pub(super) broken: String,
    pub(super) faults: usize,
    pub(super) minutes: u64,
    pub(super) tries: u32,
    pub(super) command: String,
}

/// All seeds.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) failed: usize,
    nodes: usize,
    runs: Vec<Row>,
    /// How often each thing happened, in all runs.
    coverage: BTreeMap<&'static str, u64>,
    /// Runs in which each kind of fault or hostile peer occurred.
    seeds_with: BTreeMap<&'static str, u64>,
    jobs: usize,
    virtual_s: u64,
    real_s: f64,
    /// Of each thread: nodes times virtual seconds, for a second of real time.
    node_seconds_per_s: f64,
    pub(super) replays: Vec<Replay>,
}

/// Violations that are written out for one seed.
const TOLD: usize = 3;

/// What a failing seed broke: the first violations in full, then how often each kind occurred.
pub(super) fn told(outcome: &Outcome) -> String {
    let mut first: Vec<String> = outcome.violations.iter().take(TOLD).map(ToString::to_string).collect();
    if outcome.violations.len() > TOLD {
        first.push(format!("in all {}", kinds(outcome)));
    }
    first.join("; ")
}

/// Every kind of violation of a seed, with how often it occurred.
fn kinds(outcome: &Outcome) -> String {
    let mut kinds: BTreeMap<&'static str, u64> = BTreeMap::new();
    for violation in &outcome.violations {
        *kinds.entry(violation.word()).or_default() += 1;
    }
    kinds.iter().map(|(word, times)| format!("{word} {times}")).collect::<Vec<_>>().join(", ")
}

impl Row {
    pub(super) fn new(outcome: &Outcome, took: Duration) -> Self {
        let mut faults = BTreeMap::new();
        for fault in &outcome.plan.faults {
            *faults.entry(fault.kind.word()).or_default() += 1;
        }
        for kind in &outcome.plan.hostile {
            *faults.entry(kind.word()).or_default() += 1;
        }
        Self {
            seed: outcome.seed,
            envelopes: outcome.envelopes,
            acknowledged: outcome.acknowledged,
            faults,
            converged_ms: outcome.converged_ms,
            delay_p50_ms: outcome.delay_ms.0,
            delay_p99_ms: outcome.delay_ms.1,
            trace: format!("{:016x}", outcome.trace),
            violations: outcome.violations.iter().map(ToString::to_string).collect(),
            broken: kinds(outcome),
            real_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn cells(&self) -> Vec<String> {
        let faults: Vec<_> = self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        vec![
            self.seed.to_string(),
            self.envelopes.to_string(),
            self.converged_ms.map_or_else(|| "never".to_owned(), |ms| format!("{} s", ms / 1_000)),
            self.trace.clone(),
            if self.violations.is_empty() { "good".to_owned() } else { format!("BROKEN: {}", self.broken) },
            faults.join(", "),
        ]
    }
}

impl Report {
    pub(super) fn new(outcomes: &[(Outcome, Duration)], jobs: usize, real: Duration) -> Self {
        let runs = super::rows(outcomes);
        let mut seeds_with = BTreeMap::new();
        let words = FaultKind::ALL.map(FaultKind::word).into_iter().chain(HostileKind::ALL.map(HostileKind::word));
        for word in words {
            let count = runs.iter().filter(|row| row.faults.contains_key(word)).count();
            seeds_with.insert(word, u64::try_from(count).unwrap_or(u64::MAX));
        }
        let seconds = |outcome: &Outcome| Duration::from_millis(outcome.virtual_ms).as_secs_f64();
        let nodes = |outcome: &Outcome| f64::from(u32::try_from(outcome.nodes).unwrap_or(u32::MAX));
        let node_seconds: f64 = outcomes.iter().map(|(outcome, _)| nodes(outcome) * seconds(outcome)).sum();
        let worked: f64 = outcomes.iter().map(|(_, took)| took.as_secs_f64()).sum();
        Self {
            failed: runs.iter().filter(|row| !row.violations.is_empty()).count(),
            nodes: outcomes.first().map_or(0, |(outcome, _)| outcome.nodes),
            coverage: super::covered(outcomes).iter().collect(),
            seeds_with,
            jobs,
            virtual_s: outcomes.iter().map(|(outcome, _)| outcome.virtual_ms / 1_000).sum(),
            real_s: real.as_secs_f64(),
            node_seconds_per_s: if worked > 0.0 { node_seconds / worked } else { 0.0 },
            runs,
            replays: Vec::new(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["seed", "envelopes", "equal after", "trace", "verdict", "faults"].map(ToOwned::to_owned);
        let rows: Vec<_> = std::iter::once(head.to_vec()).chain(self.runs.iter().map(Row::cells)).collect();
        writeln!(out, "{}", output::table(&rows))?;
        let head = ["seeds with", "", "what happened, in all runs", ""].map(ToOwned::to_owned);
        let mut with = self.seeds_with.iter();
        let mut happened = self.coverage.iter();
        let mut rows = vec![head.to_vec()];
        loop {
            let (left, right) = (with.next(), happened.next());
            if left.is_none() && right.is_none() {
                break;
            }
            let cell = |pair: Option<(&&'static str, &u64)>| match pair {
                Some((what, count)) => [(*what).to_owned(), count.to_string()],
                None => [String::new(), String::new()],
            };
            rows.push(cell(left).into_iter().chain(cell(right)).collect());
        }
        writeln!(out, "{}", output::table(&rows))?;
        for Replay { seed, broken, faults, minutes, tries, command } in &self.replays {
            writeln!(out, "seed {seed}: {broken}")?;
            writeln!(
                out,
                "  shortest replay after {tries} tries: {minutes} virtual minutes, {faults} faults\n  {command}"
            )?;
        }
        writeln!(
            out,
            "{} seeds on {} nodes, {} virtual seconds in {:.1} s with {} at once: {:.0} nodes x virtual seconds a second \
             and thread; {} failed",
            self.runs.len(),
            self.nodes,
            self.virtual_s,
            self.real_s,
            self.jobs,
            self.node_seconds_per_s,
            self.failed
        )
    }
}
