//! Networks that must come out good: kept seeds, and seeds that nobody has seen before.
//!
//! Small ones, so that a change waits for them less than a minute; `tidepool sim run` makes large ones.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

use std::hash::{BuildHasher, Hasher};
use tidepool_sim::{Cast, Scenario, run};

/// Fresh seeds of one run of the tests.
const FRESH: u64 = 50;

fn small() -> Scenario {
    let few = Scenario { nodes: 6, homes: 4, partial: 1, pruning: 1, ..Scenario::default() };
    Scenario { agents: 8, minutes: 4, envelopes: 70, degree: 3, ..few }
}

fn check(seeds: &[u64]) {
    let scenario = small();
    let cast = Cast::new(&scenario);
    let (count, mut acknowledged) = (seeds.len() as u64, 0);
    for &seed in seeds {
        let outcome = run(&scenario, &cast, seed);
        let broken: Vec<_> = outcome.violations.iter().map(ToString::to_string).collect();
        assert!(broken.is_empty(), "seed {seed} of the small scenario: {broken:#?}");
        acknowledged += outcome.acknowledged;
    }
    // One unlucky network may have its homes down for most of its time; fifty together have work to show.
    assert!(acknowledged > 25 * count, "{count} networks acknowledged only {acknowledged} envelopes");
}

#[test]
fn the_kept_seeds_are_good() {
    let lines = include_str!("seeds.txt").lines().filter(|line| !line.starts_with('#'));
    let seeds: Vec<u64> = lines.map(|line| line.trim().parse().unwrap()).collect();
    assert!(seeds.len() >= 50, "only {} seeds are kept", seeds.len());
    check(&seeds);
}

#[test]
fn fresh_seeds_are_good() {
    // TIDEPOOL_SIM_BASE replays what an earlier run printed.
    let drawn = std::hash::RandomState::new().build_hasher().finish() % 1_000_000_000;
    let base = std::env::var("TIDEPOOL_SIM_BASE").ok().and_then(|base| base.parse().ok()).unwrap_or(drawn);
    println!("fresh seeds {base}..{}; TIDEPOOL_SIM_BASE={base} runs them again", base + FRESH);
    check(&(base..base + FRESH).collect::<Vec<u64>>());
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let scenario = small();
    let cast = Cast::new(&scenario);
    let (one, again) = (run(&scenario, &cast, 77), run(&scenario, &cast, 77));
    assert_eq!(one, again);
    assert_ne!(one.trace, run(&scenario, &cast, 78).trace);
}
