//! Where a log goes on: the same log, the next week, the next number of a week.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use tidepool_protocol::limits::WEEK_S;
use tidepool_views::testing::T0;

const HOUR: u64 = 60 * 60 * 1_000;

fn newest(epoch: u64, seq: u64, time_ms: u64) -> Option<Newest> {
    let id = EnvelopeId([1; 32]);
    Some(Newest {
        epoch: Epoch(epoch),
        seq,
        id,
        time_ms: TimeMs(time_ms),
        stands: true,
        follow: Some(id),
        cursor: None,
    })
}

fn place(newest: Option<Newest>, ahead: Option<u64>, now: u64) -> (u64, u64, bool, u64) {
    let place = next_place(newest, ahead.map(Epoch), T0, TimeMs(now)).unwrap();
    (place.epoch.0, place.seq, place.prev.is_some(), place.time_ms.0)
}

#[test]
fn a_log_begins_goes_on_and_begins_anew() {
    let (first, now) = (Epoch::first_of(T0).0, T0.0 + HOUR);
    assert_eq!(place(None, None, now), (first, 0, false, now));
    assert_eq!(place(newest(first, 4, now - 1), None, now), (first, 5, true, now));
    assert_eq!(
        place(newest(first, 4, now + 1_500), None, now),
        (first, 5, true, now + 1_500),
        "a small step is waited for"
    );
    assert_eq!(place(newest(first, 4, now + 2_500), None, now), (first + 1, 0, true, now), "a large one is not");
    let later = now + WEEK_S * 1_000;
    assert_eq!(place(newest(first + 3, 4, now), None, later), (first + 16, 0, true, later));
}

#[test]
fn where_a_peer_is_ahead_a_new_log_is_opened_behind_it() {
    let (first, now) = (Epoch::first_of(T0).0, T0.0 + HOUR);
    assert_eq!(place(None, Some(first + 2), now), (first + 3, 0, false, now));
    assert_eq!(place(newest(first, 4, now), Some(first), now), (first + 1, 0, true, now));
    assert_eq!(place(newest(first, 4, now), Some(first + 2), now), (first + 3, 0, true, now));
    assert_eq!(place(newest(first + 3, 0, now), Some(first + 2), now), (first + 3, 1, true, now), "once");
    let week = WEEK_S * 1_000;
    assert_eq!(place(newest(first, 4, now), Some(first), now + week), (first + 16, 0, true, now + week));
}

#[test]
fn behind_a_fork_a_new_log_goes_on_from_what_stands() {
    let (first, now) = (Epoch::first_of(T0).0, T0.0 + HOUR);
    let before = EnvelopeId([9; 32]);
    let void = Newest { stands: false, follow: Some(before), ..newest(first, 4, now).unwrap() };
    let place = next_place(Some(void), None, T0, TimeMs(now)).unwrap();
    assert_eq!((place.epoch.0, place.seq, place.prev), (first + 1, 0, Some(before)));
    let later = TimeMs(now + WEEK_S * 1_000);
    let place = next_place(Some(void), None, T0, later).unwrap();
    assert_eq!((place.epoch.0, place.seq, place.prev), (first + 16, 0, Some(before)));
}

#[test]
fn the_seventeenth_log_of_a_week_waits_for_the_next() {
    let (first, now) = (Epoch::first_of(T0).0, T0.0 + HOUR);
    let full = next_place(newest(first + 15, 4, now + HOUR), None, T0, TimeMs(now));
    assert_eq!(full, Err(WEEK_S - 3_600));
}

proptest! {
    #[test]
    fn a_place_is_always_admissible(
        weeks in 0u64..3, r in 0u64..14, seq in 0u64..50, back in 0u64..2 * WEEK_S * 1_000, ahead in proptest::option::of(0u64..30),
    ) {
        let head_ms = T0.0 + WEEK_S * 1_000 * weeks + 2 * HOUR;
        let epoch = Epoch::first_of(TimeMs(head_ms)).0 + r;
        let now = (head_ms + WEEK_S * 1_000).saturating_sub(back).max(T0.0);
        let ahead = ahead.map(|ahead| Epoch((epoch + ahead).saturating_sub(15)));
        let newest = newest(epoch, seq, head_ms).unwrap();
        let Ok(place) = next_place(Some(newest), ahead, T0, TimeMs(now)) else { return Ok(()) };
        prop_assert_eq!(place.epoch.week(), place.time_ms.week());
        if place.epoch == newest.epoch {
            prop_assert_eq!(place.seq, seq + 1);
            prop_assert!(place.time_ms >= newest.time_ms);
        } else {
            prop_assert!(place.epoch > newest.epoch);
            prop_assert_eq!(place.seq, 0);
        }
        prop_assert!(ahead.is_none_or(|ahead| place.epoch > ahead || ahead < newest.epoch));
        prop_assert!(place.prev.is_some());
    }
}
