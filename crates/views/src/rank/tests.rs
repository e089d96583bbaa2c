//! The formulas against exact arithmetic and floating point.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::*;
use crate::content::lists;
use proptest::prelude::*;

const ID: [u8; 16] = [7; 16];

fn real(number: Q32) -> f64 {
    number as f64 / ONE as f64
}

#[track_caller]
fn within(seen: Q32, exact: Q32, allowed: u64) {
    assert!(seen.abs_diff(exact) <= allowed, "{seen} is {} from {exact}", seen.abs_diff(exact));
}

// The exact values below were computed with 80 decimal digits (Python's decimal) and rounded down.

#[test]
fn logarithms_are_exact_to_the_last_bit_but_one() {
    for (n, exact) in [
        (0, 0),
        (1, 0),
        (2, 1_292_913_986),
        (3, 2_049_220_185),
        (5, 3_002_053_309),
        (9, 4_098_440_370),
        (10, 4_294_967_296),
        (11, 4_472_747_525),
        (99, 8_571_187_895),
        (100, 8_589_934_592),
        (1_000, 12_884_901_888),
        (123_456, 21_867_878_393),
        (4_294_967_295, 41_373_247_567),
        (1_000_000_000_000_000, 64_424_509_440),
        (1 << 63, 81_453_581_148),
        (u64::MAX, 82_746_495_135),
    ] {
        within(log10(n), exact, 1);
    }
}

#[test]
fn hot_agrees_with_exact_arithmetic() {
    for (score, time, exact) in [
        (0, 1_795_478_400_000, 171_367_133_526_097),
        (1, 1_795_478_400_000, 171_367_133_526_097),
        (-1, 1_795_478_400_123, 171_367_133_537_837),
        (10, 1_795_478_400_123, 171_371_428_505_133),
        (-10, 1_795_478_400_123, 171_362_838_570_541),
        (12_345, 0, 17_572_820_441),
        (-12_345, (1 << 48) - 1, 26_865_000_640_837_888),
    ] {
        within(hot(score, TimeMs(time)), exact, 2);
    }
}

#[test]
fn best_agrees_with_exact_arithmetic() {
    for (up, down, exact) in [
        (0, 0, 0),
        (1, 0, 1_625_419_649),
        (0, 1, 0),
        (1, 1, 705_455_765),
        (2, 0, 2_358_333_771),
        (10, 0, 3_689_081_919),
        (10, 1, 3_176_106_790),
        (7, 3, 2_136_195_207),
        (100, 50, 2_644_708_907),
        (1_000, 1, 4_280_648_230),
        (123_456, 654_321, 679_459_572),
        (u32::MAX, 0, 4_294_967_294),
        (u32::MAX, u32::MAX, 2_147_453_953),
    ] {
        within(best(Votes { up, down }), exact, 4);
    }
}

#[test]
fn rising_agrees_with_exact_arithmetic_to_a_millionth() {
    let time = TimeMs(1_795_478_400_000);
    for (score, age_ms, exact) in [
        (0, 0, 1_518_500_249_i64),
        (1, 0, 3_037_000_499),
        (-5, 10, -6_074_001_000),
        (10, 3_600_000, 9_092_235_256),
        (500, 86_400_000, 16_230_711_757),
        (3, 31_536_000_000, 20_946),
    ] {
        let seen = rising(score, time, TimeMs(time.0 + age_ms));
        within(seen, exact, exact.unsigned_abs() / 500_000 + 1);
    }
    assert_eq!(rising(4, time, TimeMs(0)), rising(4, time, time), "a post from the future has no age");
}

/// These are the bits that nodes order by. A change here splits the order that nodes show: it needs a new version.
#[test]
fn keys_do_not_change() {
    let time = TimeMs(1_795_478_400_123);
    let votes = Votes { up: 1_234, down: 56 };
    assert_eq!(hot(votes.score(), time), 171_380_324_006_420);
    assert_eq!(best(votes), 4_074_716_623);
    assert_eq!(rising(votes.score(), time, TimeMs(time.0 + 5_000_000)), 811_685_309_215);
    assert_eq!(controversial(votes), 112);
}

#[test]
fn keys_hold_what_was_written() {
    for time in [0, 1, 1_795_478_400_123, TIME_MAX] {
        assert_eq!(time_of(&time_key(TimeMs(time))), Some(TimeMs(time)));
    }
    for score in [i64::from(i32::MIN), -1, 0, 1, i64::from(i32::MAX)] {
        assert_eq!(score_of(&score_key(score)), Some(score));
    }
    assert_eq!(time_key(TimeMs(u64::MAX)), time_key(TimeMs(TIME_MAX)));
}

fn any_votes() -> impl Strategy<Value = Votes> {
    let count = || prop_oneof![0u32..20, 0u32..5_000, any::<u32>().prop_map(|n| n >> 1)];
    (count(), count()).prop_map(|(up, down)| Votes { up, down })
}

fn any_time() -> impl Strategy<Value = TimeMs> {
    prop_oneof![1_795_000_000_000..1_800_000_000_000u64, 0..TIME_MAX].prop_map(TimeMs)
}

fn hot_of(votes: Votes, time: TimeMs) -> f64 {
    let score = votes.score() as f64;
    let size = score.abs().max(1.0).log10();
    if score < 0.0 { time.0 as f64 / 45e6 - size } else { time.0 as f64 / 45e6 + size }
}

fn best_of(votes: Votes) -> f64 {
    let (up, down) = (f64::from(votes.up), f64::from(votes.down));
    let n = up + down;
    if n == 0.0 {
        return 0.0;
    }
    let z = 1.281_551_565_545_f64;
    ((up + z * z / 2.0) - z * (up * down / n + z * z / 4.0).sqrt()) / (n + z * z)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn formulas_agree_with_floating_point(votes in any_votes(), time in any_time(), age_s in 0u64..40_000_000) {
        prop_assert!((real(hot(votes.score(), time)) - hot_of(votes, time)).abs() < 1e-8 + hot_of(votes, time).abs() * 1e-15);
        prop_assert!((real(best(votes)) - best_of(votes)).abs() < 1e-8);
        let by_hand = (votes.score() as f64 + 1.0) / (age_s as f64 / 3600.0 + 2.0).powf(1.5);
        let seen = real(rising(votes.score(), time, TimeMs(time.0 + age_s * 1_000)));
        prop_assert!((seen - by_hand).abs() <= by_hand.abs() * 2e-6 + 1e-9, "{seen} {by_hand}");
        let (up, down) = (f64::from(votes.up), f64::from(votes.down));
        let split = (up + down) * (1.0 - (up - down).abs() / (up + down).max(1.0));
        prop_assert!((controversial(votes) as f64 - split).abs() <= split * 1e-12 + 1e-6);
    }

    #[test]
    fn keys_sort_as_floating_point_does(a in (any_votes(), any_time()), b in (any_votes(), any_time())) {
        let ((one, early), (other, late)) = (a, b);
        let apart = |x: f64, y: f64| (x - y).abs() > 1e-6 + x.abs() * 1e-14;
        let (x, y) = (hot_of(one, early), hot_of(other, late));
        if apart(x, y) {
            prop_assert_eq!(lists::hot_key(one, early, &ID) > lists::hot_key(other, late, &ID), x > y);
        }
        let (x, y) = (best_of(one), best_of(other));
        if apart(x, y) {
            prop_assert_eq!(lists::best_key(one, early, &ID) > lists::best_key(other, late, &ID), x > y);
        }
        let exact = (one.score(), early).cmp(&(other.score(), late));
        prop_assert_eq!(lists::top_key(one, early, &ID).cmp(&lists::top_key(other, late, &ID)), exact);
        let earliest_first = one.score().cmp(&other.score()).then(late.cmp(&early));
        prop_assert_eq!(lists::root_top_key(one, early, &ID).cmp(&lists::root_top_key(other, late, &ID)), earliest_first);
        let split = (controversial(one), early).cmp(&(controversial(other), late));
        prop_assert_eq!(lists::controversial_key(one, early, &ID).cmp(&lists::controversial_key(other, late, &ID)), split);
        prop_assert_eq!(lists::new_key(early, &ID).cmp(&lists::new_key(late, &ID)), early.cmp(&late));
    }

    #[test]
    fn a_further_vote_never_lowers_and_a_later_time_never_loses(votes in any_votes(), time in any_time()) {
        let more = Votes { up: votes.up + 1, ..votes };
        prop_assert!(hot(more.score(), time) >= hot(votes.score(), time));
        prop_assert!(best(more) >= best(votes));
        prop_assert!(hot(votes.score(), TimeMs(time.0 + 1)) > hot(votes.score(), time));
        prop_assert!(log10(u64::from(more.up)) >= log10(u64::from(votes.up)));
    }
}
