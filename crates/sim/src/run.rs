//! One run, from its beginning to its verdict.

use crate::cast::Cast;
use crate::plan::FaultKind;
use crate::queue::Event;
use crate::report::Outcome;
use crate::scenario::Scenario;
use crate::world::{Prepare, World};

/// Bounds are looked at so often, in milliseconds.
const LOOK_MS: u64 = 15_000;

/// Runs `scenario` with `seed`. The same two, and the same cast, give the same outcome.
#[must_use]
pub fn run(scenario: &Scenario, cast: &Cast, seed: u64) -> Outcome {
    run_with(scenario, cast, seed, &|_| {})
}

/// The same, with something done to each node before its first input.
#[must_use]
pub fn run_with(scenario: &Scenario, cast: &Cast, seed: u64, prepare: Prepare<'_>) -> Outcome {
    go(World::new(scenario, cast, seed, prepare))
}

/// As [`run`], and `watch` is told now and then how far the run has come, in virtual milliseconds.
#[must_use]
pub fn run_watched(scenario: &Scenario, cast: &Cast, seed: u64, watch: &dyn Fn(u64)) -> Outcome {
    let mut world = World::new(scenario, cast, seed, &|_| {});
    world.watch = Some(watch);
    go(world)
}

fn go(mut world: World<'_>) -> Outcome {
    let scenario = world.scenario;
    world.lay_links();
    world.set_faults();
    world.set_work();
    for at in 0..world.members.len() {
        if world.joins_later(at) {
            world.members[at].down = joins(&world, at);
        } else {
            world.start(at);
        }
    }
    world.let_hostile_in();
    let end = scenario.work_ms();
    for at in (LOOK_MS..=end + scenario.heal_within_s * 1_000).step_by(usize::try_from(LOOK_MS).unwrap_or(1)) {
        world.anyway(0, at, Event::Look);
    }
    world.run_until(end);
    world.healed = true;
    let converged_ms = world.come_to_rest(end);
    world.check_all(converged_ms.is_some());
    outcome(world, converged_ms)
}

/// How many faults keep a node away from the start.
fn joins(world: &World<'_>, at: usize) -> u32 {
    let joins = world.plan.faults.iter().filter(|fault| fault.kind == FaultKind::Join && fault.nodes.contains(&at));
    u32::try_from(joins.count()).unwrap_or(u32::MAX)
}

fn outcome(mut world: World<'_>, converged_ms: Option<u64>) -> Outcome {
    for member in &world.members {
        let (checkpoints, pruned) = member.counted();
        world.coverage.add("checkpoints signed", checkpoints);
        world.coverage.add("texts that lost their bodies", pruned);
    }
    let delays = &mut world.delays;
    delays.sort_unstable();
    let of = |share: usize| delays.get((delays.len() * share / 100).min(delays.len().saturating_sub(1)));
    let delay_ms = (of(50).copied().unwrap_or(0), of(99).copied().unwrap_or(0));
    Outcome {
        seed: world.seed,
        nodes: world.members.len(),
        virtual_ms: world.now,
        steps: world.steps,
        envelopes: u64::try_from(world.members[0].disk.count()).unwrap_or(u64::MAX),
        acknowledged: u64::try_from(world.work.acknowledged.len()).unwrap_or(u64::MAX),
        verified: u64::try_from(world.verifier.checked()).unwrap_or(u64::MAX),
        converged_ms,
        delay_ms,
        coverage: world.coverage,
        trace: world.trace.hash(),
        violations: world.violations,
        plan: world.plan,
    }
}
