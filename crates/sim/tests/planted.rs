//! Defects that are put in on purpose, each found by the checkers within two hundred seeds.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use tidepool_kernel::planted::Defect;
use tidepool_sim::{Cast, Planted, Scenario, SimNode, Violation, run, run_with, shrink};

/// The most seeds that a defect may hide from.
const SEEDS: u64 = 200;

fn scenario() -> Scenario {
    Scenario {
        nodes: 6,
        homes: 6,
        agents: 12,
        minutes: 8,
        envelopes: 160,
        degree: 4,
        heal_within_s: 200,
        pending_max: 48,
        ..Scenario::default()
    }
}

/// The first seed that shows a defect, and what it shows.
fn found(scenario: &Scenario, prepare: &dyn Fn(&mut SimNode)) -> Option<(u64, Violation)> {
    let cast = Cast::new(scenario);
    (1..=SEEDS).find_map(|seed| {
        let outcome = run_with(scenario, &cast, seed, prepare);
        if scenario.planted == Some(Planted::OrderFromOutside) {
            let again = run_with(scenario, &cast, seed, prepare);
            let differs = again.trace != outcome.trace;
            return differs.then_some((seed, Violation::Trace { first: outcome.trace, second: again.trace }));
        }
        outcome.violations.into_iter().next().map(|broken| (seed, broken))
    })
}

fn check_kernel(defect: Defect, words: &[&str]) {
    let (seed, broken) = found(&scenario(), &|node| node.plant(defect)).unwrap_or_else(|| panic!("{defect:?} hid"));
    println!("{defect:?}: seed {seed}: {broken}");
    assert!(words.contains(&broken.word()), "{defect:?} was found as {broken}");
}

fn check_adapter(planted: Planted, words: &[&str]) {
    let scenario = Scenario { planted: Some(planted), ..scenario() };
    let (seed, broken) = found(&scenario, &|_| {}).unwrap_or_else(|| panic!("{planted:?} hid"));
    println!("{planted:?}: seed {seed}: {broken}");
    assert!(words.contains(&broken.word()), "{planted:?} was found as {broken}");
}

/// What is found is the defect: without it the same seeds are good.
#[test]
fn without_a_defect_nothing_is_found() {
    let scenario = scenario();
    let cast = Cast::new(&scenario);
    for seed in 1..=16 {
        let outcome = run(&scenario, &cast, seed);
        assert!(outcome.is_good(), "seed {seed}: {:#?}", outcome.violations);
    }
}

#[test]
fn digests_compared_by_count_are_found() {
    check_kernel(Defect::CountsOnly, &["diverged"]);
}

#[test]
fn promises_before_the_disk_are_found() {
    check_kernel(Defect::SpeaksEarly, &["taken back"]);
}

#[test]
fn positions_held_by_order_of_arrival_are_found() {
    check_kernel(Defect::FirstTwoHeld, &["diverged"]);
}

#[test]
fn evicted_envelopes_in_digests_are_found() {
    check_kernel(Defect::EvictedCounted, &["diverged", "digest wrong"]);
}

#[test]
fn a_queue_without_a_bound_is_found() {
    check_kernel(Defect::PendingUnbounded, &["bound passed"]);
}

/// This one was no invention: the simulator found it in the kernel.
#[test]
fn an_envelope_written_twice_is_found() {
    check_kernel(Defect::WrittenTwice, &["digest wrong", "diverged", "views differ", "halted"]);
}

#[test]
fn a_flush_that_is_none_is_found() {
    check_adapter(Planted::FlushIsNone, &["taken back"]);
}

#[test]
fn derived_rows_said_to_be_complete_are_found() {
    check_adapter(Planted::DerivedUptoLies, &["digest wrong", "diverged", "views differ", "halted", "taken back"]);
}

#[test]
fn erased_envelopes_that_stay_are_found() {
    check_adapter(Planted::ErasedStays, &["digest wrong", "diverged"]);
}

#[test]
fn results_in_the_wrong_order_are_found() {
    check_adapter(Planted::ResultsSwapped, &["honest rejected"]);
}

#[test]
fn a_timer_that_is_never_set_again_is_found() {
    check_adapter(Planted::TimerForgotten, &["diverged", "lost"]);
}

#[test]
fn an_order_from_outside_is_found() {
    check_adapter(Planted::OrderFromOutside, &["trace differs"]);
}

#[test]
fn every_defect_has_its_test() {
    let text = include_str!("planted.rs");
    let named = |word: String| text.contains(&format!("{word},"));
    let missing: BTreeSet<String> = Defect::ALL
        .iter()
        .map(|defect| format!("check_kernel(Defect::{defect:?}"))
        .chain(Planted::ALL.iter().map(|planted| format!("check_adapter(Planted::{planted:?}")))
        .filter(|call| !named(call.clone()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_failing_run_is_shortened_and_still_fails() {
    let scenario = Scenario { planted: Some(Planted::FlushIsNone), ..scenario() };
    let cast = Cast::new(&scenario);
    let outcome = (1..=SEEDS).map(|seed| run(&scenario, &cast, seed)).find(|outcome| !outcome.is_good()).unwrap();
    let (seed, faults) = (outcome.seed, outcome.plan.faults.len());
    let broken = outcome.violations[0].clone();
    let shrunk = shrink(&scenario, &cast, outcome, &broken, 30, &|_| {});
    let plan = shrunk.scenario.plan.clone().unwrap();
    println!("seed {seed}: {faults} faults became {}, {} minutes", plan.faults.len(), shrunk.scenario.minutes);
    assert!(plan.faults.len() < faults && shrunk.scenario.minutes <= scenario.minutes);
    let again = run(&shrunk.scenario, &cast, seed);
    assert!(again.violations.iter().any(|violation| violation.word() == broken.word()));
}
