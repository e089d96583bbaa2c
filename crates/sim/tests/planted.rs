//! Defects that are put in on purpose, each found by the checkers within two hundred seeds.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::Cell;
use std::collections::BTreeSet;
use tidepool_kernel::planted::Defect;
use tidepool_sim::{Cast, Planted, Prepare, Scenario, SimNode, Violation, run, run_with, shrink};

/// The most seeds that a defect may hide from.
const SEEDS: u64 = 200;

fn scenario() -> Scenario {
    Scenario {
        nodes: 6,
        homes: 4,
        partial: 0,
        pruning: 2,
        agents: 12,
        minutes: 8,
        envelopes: 160,
        degree: 4,
        heal_within_s: 260,
        pending_max: 48,
        snapshot_min: 24,
        snapshot_page_bytes: 4_096,
        ..Scenario::default()
    }
}

/// What a seed shows of a defect: the words of all promises that it breaks.
fn words_of(scenario: &Scenario, cast: &Cast, seed: u64, prepare: Prepare<'_>) -> BTreeSet<&'static str> {
    let outcome = run_with(scenario, cast, seed, prepare);
    let mut words: BTreeSet<_> = outcome.violations.iter().map(Violation::word).collect();
    if scenario.planted == Some(Planted::OrderFromOutside) {
        words.extend(
            (run_with(scenario, cast, seed, prepare).trace != outcome.trace)
                .then_some(Violation::Trace { first: 0, second: 1 }.word()),
        );
    }
    words
}

/// Looks for seeds until each of `words` was broken.
fn check(scenario: &Scenario, what: &str, prepare: Prepare<'_>, words: &[&str]) {
    let known: BTreeSet<&str> = Violation::WORDS.into_iter().collect();
    assert!(words.iter().all(|word| known.contains(word)), "{words:?} are no words of violations");
    let cast = Cast::new(scenario);
    let mut missing: BTreeSet<&str> = words.iter().copied().collect();
    let mut others = BTreeSet::new();
    for seed in 1..=SEEDS {
        for word in words_of(scenario, &cast, seed, prepare) {
            if missing.remove(word) {
                println!("{what}: {word} at seed {seed}");
            } else if !words.contains(&word) {
                others.insert(word);
            }
        }
        if missing.is_empty() {
            println!("{what}: besides {others:?}");
            return;
        }
    }
    panic!("{what} hid from {missing:?} and showed {others:?}");
}

fn check_kernel(defect: Defect, words: &[&str]) {
    check(&scenario(), &format!("{defect:?}"), &|node| node.plant(defect), words);
}

/// The same where every other start of a node has the defect: those without it say something else.
fn check_every_other(defect: Defect, words: &[&str]) {
    let starts = Cell::new(0_u64);
    let prepare = |node: &mut SimNode| {
        starts.set(starts.get() + 1);
        if starts.get().is_multiple_of(2) {
            node.plant(defect);
        }
    };
    check(&scenario(), &format!("{defect:?} at every other node"), &prepare, words);
}

fn check_adapter(planted: Planted, words: &[&str]) {
    let scenario = Scenario { planted: Some(planted), ..scenario() };
    check(&scenario, &format!("{planted:?}"), &|_| {}, words);
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
    check_kernel(Defect::EvictedCounted, &["digest wrong"]);
}

#[test]
fn a_queue_without_a_bound_is_found() {
    check_kernel(Defect::PendingUnbounded, &["bound passed"]);
}

/// This one was no invention: the simulator found it in the kernel.
#[test]
fn an_envelope_written_twice_is_found() {
    check_kernel(Defect::WrittenTwice, &["digest wrong"]);
}

#[test]
fn an_outbox_that_never_empties_is_found() {
    check_kernel(Defect::OutboxForEver, &["unsent"]);
}

#[test]
fn a_cursor_taken_for_a_start_is_found() {
    check_kernel(Defect::CursorIsStart, &["honest penalised"]);
}

#[test]
fn horizons_that_are_not_said_are_found() {
    check_kernel(Defect::HorizonUnsaid, &["retention wrong"]);
}

#[test]
fn horizons_that_are_not_heard_are_found() {
    check_kernel(Defect::HorizonDeaf, &["restless"]);
}

#[test]
fn a_restore_that_is_forgotten_is_found() {
    check_kernel(Defect::RestoreForgotten, &["forked"]);
}

#[test]
fn a_filled_gap_that_is_asked_for_is_found() {
    check_kernel(Defect::FilledGapAsked, &["needless request"]);
}

#[test]
fn what_negentropy_found_and_nobody_fetches_is_found() {
    check_kernel(Defect::LastNeedForgotten, &["diverged"]);
}

#[test]
fn silence_that_is_punished_is_found() {
    check_kernel(Defect::SilentBlocked, &["honest blocked"]);
}

#[test]
fn a_keep_that_is_not_read_is_found() {
    check_kernel(Defect::KeepUnread, &["keep ignored"]);
}

#[test]
fn a_keep_that_is_read_by_some_is_found() {
    check_every_other(Defect::KeepUnread, &["views unequal"]);
}

#[test]
fn horizons_that_lie_elsewhere_at_some_are_found() {
    check_every_other(Defect::HorizonDayLate, &["horizons differ"]);
}

#[test]
fn a_flush_that_is_none_is_found() {
    check_adapter(Planted::FlushIsNone, &["taken back"]);
}

#[test]
fn derived_rows_said_to_be_complete_are_found() {
    check_adapter(Planted::DerivedUptoLies, &["digest wrong", "views differ"]);
}

#[test]
fn erased_envelopes_that_stay_are_found() {
    check_adapter(Planted::ErasedStays, &["digest wrong"]);
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
fn a_bit_that_turns_on_the_disk_is_found() {
    check_adapter(Planted::BitRots, &["not verified"]);
}

#[test]
fn a_disk_that_refuses_is_found() {
    check_adapter(Planted::AppendRefused, &["halted"]);
}

#[test]
fn an_order_from_outside_is_found() {
    check_adapter(Planted::OrderFromOutside, &["trace differs"]);
}

/// No checker without a defect that it has to find, and no word of which nobody knows what breaks it.
#[test]
fn every_checker_has_a_defect_that_it_finds() {
    let text = include_str!("planted.rs");
    let calls: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with("check_")).collect();
    let asked_for = |word: &str| calls.iter().any(|call| call.contains(&format!("\"{word}\"")));
    let missing: Vec<&str> = Violation::WORDS.into_iter().filter(|word| !asked_for(word)).collect();
    assert!(missing.is_empty(), "no defect is known that {missing:?} must find");
}

#[test]
fn every_defect_has_its_test() {
    let text = include_str!("planted.rs");
    let named = |word: String| text.contains(&format!("({word}, &["));
    let missing: BTreeSet<String> = Defect::ALL
        .iter()
        .map(|defect| format!("Defect::{defect:?}"))
        .chain(Planted::ALL.iter().map(|planted| format!("Planted::{planted:?}")))
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
    let told = Cell::new(0);
    let shrunk = shrink(&scenario, &cast, outcome, &broken, 30, (&|_| {}, &|tries, _, _| told.set(tries)));
    assert_eq!(told.get(), shrunk.tries, "whoever waits is not told of every run");
    let plan = shrunk.scenario.plan.clone().unwrap();
    println!("seed {seed}: {faults} faults became {}, {} minutes", plan.faults.len(), shrunk.scenario.minutes);
    assert!(plan.faults.len() < faults && shrunk.scenario.minutes <= scenario.minutes);
    let again = run(&shrunk.scenario, &cast, seed);
    assert!(again.violations.iter().any(|violation| violation.word() == broken.word()));
}
