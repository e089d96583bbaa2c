//! How long to wait before the next try: doubling, capped, with jitter, so that nodes that lost one peer together do not
//! come back together.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The first wait. Short: most failures of a seed are nodes that start at the same time.
const FIRST: Duration = Duration::from_millis(250);

/// Doubling ends here, far above any cap; it keeps the shift in range.
const DOUBLINGS_MAX: u32 = 16;

/// The wait after `failures` tries in a row: between three quarters of and the whole of `min(250 ms × 2^failures, cap)`.
pub(crate) fn delay(failures: u32, cap: Duration) -> Duration {
    let full = FIRST.saturating_mul(1 << failures.min(DOUBLINGS_MAX)).min(cap);
    // A keyed hasher with fresh keys is the standard library's source of randomness; jitter needs no better.
    let random = RandomState::new().hash_one(failures) % 1_000;
    let quarter = full / 4;
    full - quarter * u32::try_from(random).unwrap_or(0) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_cap_and_is_never_nothing() {
        let cap = Duration::from_secs(5);
        for failures in 0..64 {
            let full = Duration::from_millis(250 * (1 << failures.min(16))).min(cap);
            for _ in 0..16 {
                let wait = delay(failures, cap);
                assert!(wait <= full && wait >= full * 3 / 4, "{wait:?} after {failures}");
            }
        }
    }

    #[test]
    fn two_nodes_seldom_wait_the_same_time() {
        let cap = Duration::from_secs(60);
        let waits: std::collections::BTreeSet<_> = (0..100).map(|_| delay(8, cap)).collect();
        assert!(waits.len() > 50, "{} different waits of 100", waits.len());
    }
}
