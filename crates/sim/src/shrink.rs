//! The shortest run that still fails: faults are dropped, the run is cut, as long as the same promise stays broken.

use crate::cast::Cast;
use crate::plan::Plan;
use crate::report::{Outcome, Violation};
use crate::run::run_with;
use crate::scenario::Scenario;
use crate::world::Prepare;

/// The shortest failing run that was found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// Replays it, together with the seed.
    pub scenario: Scenario,
    /// What it comes to.
    pub outcome: Outcome,
    /// How many runs the search took.
    pub tries: u32,
}

/// Who is told of each run that the search makes: how many it made, and the shortest that still fails, in minutes and
/// faults.
pub type Tried<'t> = &'t dyn Fn(u32, u64, usize);

/// A search under way.
struct Search<'s> {
    cast: &'s Cast,
    seed: u64,
    word: &'static str,
    prepare: Prepare<'s>,
    tried: Tried<'s>,
    tries: u32,
    left: u32,
    best: Scenario,
    outcome: Outcome,
}

impl Search<'_> {
    /// Tries a shorter run; keeps it when it breaks the same promise.
    fn keeps(&mut self, change: impl FnOnce(&mut Scenario, &mut Plan)) -> bool {
        if self.left == 0 {
            return false;
        }
        let mut shorter = self.best.clone();
        let mut plan = shorter.plan.take().unwrap_or_default();
        change(&mut shorter, &mut plan);
        shorter.plan = Some(plan);
        if shorter == self.best {
            return false;
        }
        let Ok(shorter) = shorter.checked() else { return false };
        self.left -= 1;
        let outcome = run_with(&shorter, self.cast, self.seed, self.prepare);
        let same = outcome.violations.iter().any(|violation| violation.word() == self.word);
        if same {
            (self.best, self.outcome) = (shorter, outcome);
        }
        (self.tried)(self.tries - self.left, self.best.minutes, self.faults());
        same
    }

    fn faults(&self) -> usize {
        self.best.plan.as_ref().map_or(0, |plan| plan.faults.len())
    }
}

/// Looks for a shorter run than `outcome`, which `scenario` gave with its seed, in at most `tries` runs. The nodes and the
/// agents stay: who plays is not what went wrong.
#[must_use]
pub fn shrink(
    scenario: &Scenario,
    cast: &Cast,
    outcome: Outcome,
    broken: &Violation,
    tries: u32,
    (prepare, tried): (Prepare<'_>, Tried<'_>),
) -> Shrunk {
    let best = Scenario { plan: Some(outcome.plan.clone()), ..scenario.clone() };
    let (seed, word) = (outcome.seed, broken.word());
    let mut search = Search { cast, seed, word, prepare, tried, tries, left: tries, best, outcome };
    // The shortest first: what fails within a minute is read in a minute.
    for part in [16, 8, 4, 2] {
        let minutes = (scenario.minutes / part).max(1);
        if search.keeps(|scenario, _| scenario.minutes = minutes) {
            break;
        }
    }
    search.keeps(|_, plan| plan.hostile.clear());
    // Halves of the faults, then quarters, down to one at a time.
    let mut width = search.faults().div_ceil(2);
    while width > 0 && search.left > 0 {
        let mut from = 0;
        while from < search.faults() {
            let dropped = search.keeps(|_, plan| {
                plan.faults.drain(from..(from + width).min(plan.faults.len()));
            });
            if !dropped {
                from += width;
            }
        }
        width = if width == 1 { 0 } else { width.div_ceil(2) };
    }
    search.keeps(|scenario, _| scenario.links.loss = 0);
    search.keeps(|scenario, _| scenario.links.duplicate = 0);
    search.keeps(|scenario, _| scenario.links.reorder = 0);
    while search.best.envelopes > 4 && search.keeps(|scenario, _| scenario.envelopes /= 2) {}
    // What lies behind the end never begins.
    let end = search.best.work_ms();
    if let Some(plan) = &mut search.best.plan {
        plan.faults.retain(|fault| fault.at_ms < end);
    }
    Shrunk { scenario: search.best, outcome: search.outcome, tries: tries - search.left }
}
