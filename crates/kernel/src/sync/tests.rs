//! Negentropy over points: what is found, in how many rounds and bytes, and what a broken message does.
#![allow(clippy::unwrap_used)]

use super::reconcile::{Points, bound};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::sync::{Point, RECONCILE_BYTES_MAX};
use tidepool_protocol::{EnvelopeId, TimeMs};

fn point(number: u64, spread_ms: u64) -> Point {
    Point { time_ms: TimeMs(1_000_000 + number * spread_ms), id: EnvelopeId(sha256(&[&number.to_be_bytes()])) }
}

/// What one exchange took.
struct Exchange {
    need: BTreeSet<EnvelopeId>,
    rounds: usize,
    bytes: usize,
}

fn exchange(ours: &Points, theirs: &Points) -> Exchange {
    let mut message = ours.begin().unwrap();
    let mut done = Exchange { need: BTreeSet::new(), rounds: 0, bytes: 0 };
    loop {
        let answer = theirs.answer(&message).unwrap();
        assert!(message.len() <= RECONCILE_BYTES_MAX && answer.len() <= RECONCILE_BYTES_MAX);
        done.rounds += 1;
        done.bytes += message.len() + answer.len();
        let step = ours.go_on(&answer).unwrap();
        done.need.extend(step.need);
        match step.next {
            Some(next) => message = next,
            None => return done,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn exactly_what_is_lacked_is_found(
        ours in proptest::collection::btree_set(0u64..2_000, 0..600),
        theirs in proptest::collection::btree_set(0u64..2_000, 0..600),
        spread_ms in 0u64..3,
    ) {
        let points = |numbers: &BTreeSet<u64>| -> Vec<Point> { numbers.iter().map(|n| point(*n, spread_ms)).collect() };
        let done = exchange(&Points::of(&points(&ours)), &Points::of(&points(&theirs)));
        let lacked: BTreeSet<EnvelopeId> = theirs.difference(&ours).map(|n| point(*n, spread_ms).id).collect();
        prop_assert_eq!(done.need, lacked);
    }

    #[test]
    fn a_broken_message_is_refused_or_answered_within_bounds(
        cut in 0usize..400, at in 0usize..400, with in any::<u8>(), noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let ours = Points::of(&(0..300).map(|number| point(number, 1)).collect::<Vec<_>>());
        let mut message = ours.begin().unwrap();
        if let Some(byte) = message.get_mut(at) {
            *byte = with;
        }
        message.truncate(message.len() - cut.min(message.len()));
        for message in [message, [&[0x61][..], &noise].concat(), noise] {
            let _ = bound(&message);
            if let Some(answer) = ours.answer(&message) {
                prop_assert!(answer.len() <= RECONCILE_BYTES_MAX);
            }
            if let Some(step) = ours.go_on(&message) {
                prop_assert!(step.next.is_none_or(|next| next.len() <= RECONCILE_BYTES_MAX));
            }
        }
    }
}

/// The differences among many points cost what they are, not what there are. Figures in docs/adr/0055.
#[test]
fn bytes_grow_with_the_differences() {
    for (count, lacked, rounds_max, bytes_max) in
        [(16_000u64, 1u64, 4, 4_000), (16_000, 16, 4, 40_000), (16_000, 256, 6, 300_000), (1_000, 16, 3, 30_000)]
    {
        let theirs: Vec<Point> = (0..count).map(|number| point(number, 7)).collect();
        let step = count / lacked;
        let ours: Vec<Point> = (0..count).filter(|number| number % step != step / 2).map(|n| point(n, 7)).collect();
        let done = exchange(&Points::of(&ours), &Points::of(&theirs));
        println!("{lacked} of {count} lacked: {} rounds, {} bytes", done.rounds, done.bytes);
        assert_eq!(done.need.len(), theirs.len() - ours.len());
        assert!(done.rounds <= rounds_max && done.bytes <= bytes_max, "{} rounds, {} bytes", done.rounds, done.bytes);
    }
}

/// Where a whole side is missing, more rounds are needed than one exchange has: the bound says where the next begins.
#[test]
fn an_exchange_that_is_cut_short_goes_on_behind_its_bound() {
    let theirs: Vec<Point> = (0..16_000).map(|number| point(number, 1)).collect();
    let all = Points::of(&theirs);
    let mut ours: BTreeSet<Point> = theirs.iter().step_by(4).copied().collect();
    let mut from = Point::START;
    let mut exchanges = 0;
    while exchanges < 100 {
        exchanges += 1;
        let within = |points: &mut dyn Iterator<Item = &Point>| -> Points {
            Points::of(&points.filter(|point| **point >= from).copied().collect::<Vec<_>>())
        };
        let (mine, yours) = (within(&mut ours.iter()), within(&mut theirs.iter()));
        let mut message = mine.begin().unwrap();
        let mut need = BTreeSet::new();
        let mut left = None;
        for _ in 0..2 {
            let step = mine.go_on(&yours.answer(&message).unwrap()).unwrap();
            need.extend(step.need);
            left = step.next;
            match &left {
                Some(next) => message.clone_from(next),
                None => break,
            }
        }
        ours.extend(theirs.iter().filter(|point| need.contains(&point.id)));
        let Some(next) = left else { break };
        let reached = bound(&next);
        let below =
            |points: &mut dyn Iterator<Item = &Point>| points.filter(|p| reached.is_some_and(|b| **p < b)).count();
        assert_eq!(below(&mut ours.iter()), below(&mut theirs.iter()), "nothing is left below the bound");
        from = reached.filter(|reached| *reached > from).unwrap_or(from);
    }
    assert_eq!(ours.len(), theirs.len(), "after {exchanges} exchanges");
    drop(all);
}
