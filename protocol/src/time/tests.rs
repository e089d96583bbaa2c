//! Weeks, logs of a week, and the end of time.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

const WEEK_MS: u64 = WEEK_S * 1000;

#[test]
fn weeks_count_from_the_first_thursday() {
    for (ms, week, seconds) in [
        (0, 0, 0),
        (999, 0, 0),
        (1000, 0, 1),
        (WEEK_MS - 1, 0, WEEK_S - 1),
        (WEEK_MS, 1, 0),
        (3 * WEEK_MS + 1500, 3, 1),
    ] {
        let time = TimeMs(ms);
        assert_eq!((time.week(), time.seconds_into_week()), (week, seconds), "{ms}");
        assert_eq!(Epoch::first_of(time), Epoch(16 * week));
    }
}

#[test]
fn a_week_has_sixteen_logs() {
    let epochs: Vec<_> = std::iter::successors(Some(Epoch(32)), |epoch| epoch.next_in_week()).collect();
    assert_eq!(epochs.len(), 16);
    assert!(epochs.iter().all(|epoch| epoch.week() == 2));
}

#[test]
fn time_ends_without_a_panic() {
    let end = TimeMs(u64::MAX);
    assert_eq!(end.plus_ms(1), end);
    assert_eq!(TimeMs(1).since_ms(end), 0);
    assert_eq!(Epoch::first_of(end).week(), end.week());
}
