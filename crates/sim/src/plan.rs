//! The faults of a run, as a list of plain data: drawn from a seed, or written down, or shortened.

use crate::chance::Chance;
use crate::scenario::Scenario;
use serde::{Deserialize, Serialize};

/// What goes wrong. The meaning of [`Fault::amount`] is said with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The nodes named hear nothing of the others, and the others nothing of them.
    Partition,
    /// The nodes named die, and start again behind it. `amount`: a checkpoint is written so many ms before, 0 for none.
    Crash,
    /// A flush of the nodes named takes `amount` ms.
    SlowDisk,
    /// The disks of the nodes named refuse a write: they halt, and start again behind it.
    DiskFails,
    /// The clocks of the nodes named are wrong by `amount` ms.
    Skew,
    /// The nodes named shut down, and come back behind it.
    Leave,
    /// The nodes named are not there before its end: they join with nothing.
    Join,
    /// Every link loses `amount` messages of 1,000 besides.
    Loss,
    /// The disks of the nodes named are gone, and a backup of `amount` ms before is restored: they start behind it.
    Restore,
    /// Copies of the directories of the nodes named, made `amount` ms before, are brought back as if they were the
    /// originals, and the nodes hear of nobody until it is over: their agents go on from where they had been.
    Copy,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Partition,
        Self::Crash,
        Self::SlowDisk,
        Self::DiskFails,
        Self::Skew,
        Self::Leave,
        Self::Join,
        Self::Loss,
        Self::Restore,
        Self::Copy,
    ];

    /// A word for tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Crash => "crash",
            Self::SlowDisk => "slow disk",
            Self::DiskFails => "disk fails",
            Self::Skew => "clock skew",
            Self::Leave => "leave",
            Self::Join => "join",
            Self::Loss => "loss burst",
            Self::Restore => "restore",
            Self::Copy => "directory copied back",
        }
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// When it begins, in milliseconds of the run.
    pub at_ms: u64,
    /// How long it lasts.
    pub for_ms: u64,
    /// Whom it concerns.
    #[serde(default)]
    pub nodes: Vec<usize>,
    /// How bad it is.
    #[serde(default)]
    pub amount: i64,
}

impl Fault {
    /// When it is over.
    #[must_use]
    pub const fn ends_ms(&self) -> u64 {
        self.at_ms.saturating_add(self.for_ms)
    }
}

/// How a peer is hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostileKind {
    /// Sends envelopes that others never signed.
    Forge,
    /// Sends again what it heard, whole or in other company, on this topic or another.
    Replay,
    /// Signs several envelopes for one place in its log, and shows each to some.
    Fork,
    /// Offers what it never serves, or says that it is busy, or nothing.
    Withhold,
    /// Sends more than anybody can take.
    Flood,
    /// Answers with digests, parts and lists that no set has.
    Lie,
}

impl HostileKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Forge, Self::Replay, Self::Fork, Self::Withhold, Self::Flood, Self::Lie];

    /// A word for tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Forge => "hostile: forge",
            Self::Replay => "hostile: replay",
            Self::Fork => "hostile: fork",
            Self::Withhold => "hostile: withhold",
            Self::Flood => "hostile: flood",
            Self::Lie => "hostile: lie",
        }
    }
}

/// Everything that goes wrong in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// How long after the beginning of a week the run begins, in milliseconds.
    pub into_week_ms: u64,
    /// Hostile peers, one for each entry.
    pub hostile: Vec<HostileKind>,
    /// Faults, in no order.
    pub faults: Vec<Fault>,
}

/// A week in milliseconds.
pub(crate) const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// A day in milliseconds.
const DAY_MS: u64 = WEEK_MS / 7;

/// How long after midnight a kernel lets a day pass.
const SETTLE_MS: u64 = 2 * 60 * 1_000;

/// A clock is wrong by less than this, in milliseconds: half as much again as peers bear with.
const SKEW_MS_MAX: u64 = 180_000;

impl Plan {
    /// The plan of `scenario` for `seed`: its own, or one drawn within its bounds.
    #[must_use]
    pub fn of(scenario: &Scenario, seed: u64) -> Self {
        if let Some(plan) = &scenario.plan {
            return plan.clone();
        }
        let mut chance = Chance::new(seed, "plan");
        let run_ms = scenario.work_ms();
        // Some runs begin just after a week did, some pass into the next, many pass into another day.
        let into_week_ms = match chance.below(5) {
            0 => WEEK_MS - run_ms.min(WEEK_MS) / 2,
            1 => 60_000,
            2 | 3 => (chance.between(1, 6) * DAY_MS + SETTLE_MS).saturating_sub(run_ms * chance.between(1, 9) / 10),
            _ => chance.between(1, 100) * 3_600_000,
        };
        let first = chance.place(HostileKind::ALL.len());
        let kinds = HostileKind::ALL.iter().copied().cycle().skip(first);
        // Neighbours in the list go together in one run, so six seeds in a row show all.
        let hostile = kinds.take(scenario.hostile).collect();
        let mut faults = Vec::new();
        for (kind, most) in &scenario.faults {
            for _ in 0..chance.between(0, *most) {
                faults.push(draw(&mut chance, *kind, scenario));
            }
        }
        faults.sort_by_key(|fault| (fault.at_ms, fault.kind));
        Self { into_week_ms, hostile, faults }
    }
}

fn draw(chance: &mut Chance, kind: FaultKind, scenario: &Scenario) -> Fault {
    let run_ms = scenario.work_ms();
    let nodes: Vec<usize> = (0..scenario.nodes).collect();
    let homes: Vec<usize> = (0..scenario.homes).collect();
    let one = |chance: &mut Chance| chance.some(&nodes, 1);
    let at_ms = chance.between(run_ms / 20, run_ms * 17 / 20);
    let longest = run_ms - at_ms;
    let within = |chance: &mut Chance, low: u64, high: u64| chance.between(low, high).min(longest);
    let (for_ms, concerned, amount) = match kind {
        FaultKind::Partition => {
            let side = chance.between(1, u64::try_from((scenario.nodes / 2).max(1)).unwrap_or(1));
            let side = chance.some(&nodes, usize::try_from(side).unwrap_or(1));
            (within(chance, 1_000, run_ms / 3), side, 0)
        }
        FaultKind::Crash => {
            let before = if chance.per_mille(500) { chance.between(1_000, 120_000).min(at_ms) } else { 0 };
            // Sometimes several at once: a power cut.
            let victims = if chance.per_mille(200) { chance.some(&nodes, scenario.nodes / 3 + 1) } else { one(chance) };
            (within(chance, 500, 120_000), victims, i64::try_from(before).unwrap_or(0))
        }
        FaultKind::SlowDisk => {
            let ms = chance.between(200, 20_000);
            (within(chance, 5_000, run_ms / 4), one(chance), i64::try_from(ms).unwrap_or(0))
        }
        FaultKind::DiskFails => (within(chance, 1_000, 60_000), one(chance), 0),
        FaultKind::Skew => {
            let ms = i64::try_from(chance.between(100, SKEW_MS_MAX)).unwrap_or(0);
            let ms = if chance.per_mille(500) { -ms } else { ms };
            (within(chance, 10_000, run_ms / 2), one(chance), ms)
        }
        FaultKind::Leave => (within(chance, 10_000, run_ms / 2), one(chance), 0),
        FaultKind::Join => (at_ms, one(chance), 0),
        FaultKind::Loss => {
            let lost = chance.between(100, 600);
            (within(chance, 5_000, run_ms / 6), Vec::new(), i64::try_from(lost).unwrap_or(0))
        }
        FaultKind::Restore | FaultKind::Copy => {
            // Of a home: there are agents whose logs go on.
            let before = chance.between(5_000, run_ms / 4).min(at_ms);
            (within(chance, 2_000, run_ms / 6), chance.some(&homes, 1), i64::try_from(before).unwrap_or(0))
        }
    };
    let at_ms = if kind == FaultKind::Join { 0 } else { at_ms };
    Fault { kind, at_ms, for_ms, nodes: concerned, amount }
}
