//! The formulas of every ranking, in whole numbers only, so that every node agrees bit for bit.
//!
//! Fractions are fixed-point with 32 bits behind the point ([`Q32`]). Inputs are what was signed: votes, and the time
//! that a post's header names. Each formula has a name and a version, which `explain` gives out with its numbers; a
//! change of any result is a new version.
//!
//! Sources: hot, controversial and rising as `MOLTBOOK-API.md` section 15 gives them (hot is Reddit's); best is the
//! lower bound of Wilson's score interval (E. B. Wilson, 1927; E. Miller, "How not to sort by average rating").

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "every cast is of a number whose bound its formula gives; const fn has no try_from"
)]

#[cfg(test)]
mod tests;

use tidepool_protocol::TimeMs;

/// A fraction of 2^32.
pub type Q32 = i64;

/// One, as a fraction of 2^32.
pub const ONE: Q32 = 1 << 32;

/// Hot gains as much in this many milliseconds as ten times the votes give: 45,000 seconds.
pub const HOT_DECAY_MS: u64 = 45_000_000;

/// `z` of best: 1.281551565545, a one-sided confidence of 90 % (an interval of 80 %, as Reddit takes), as a Q32.
pub const WILSON_Z: Q32 = 5_504_222_062;

/// `z` squared, as a Q32.
pub const WILSON_Z2: Q32 = 7_053_944_401;

/// Hours added to a post's age in rising, so that a new post does not divide by zero.
pub const RISING_OFFSET_S: u64 = 2 * 60 * 60;

/// log10(2) as a fraction of 2^64.
const LOG10_2_Q64: u128 = 5_553_023_288_523_357_132;

/// The greatest time that an order key holds: 48 bits of milliseconds, the year 10889.
const TIME_MAX: u64 = (1 << 48) - 1;

/// Votes on one item that count: each voter once, nobody on what is its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Votes {
    /// For it.
    pub up: u32,
    /// Against it.
    pub down: u32,
}

impl Votes {
    /// Up less down.
    #[must_use]
    pub const fn score(self) -> i64 {
        self.up as i64 - self.down as i64
    }
}

/// The logarithm to base 10 of `n`, as a Q32; 0 for 0. Each bit is decided by whole-number squaring.
#[must_use]
pub const fn log10(n: u64) -> Q32 {
    if n < 2 {
        return 0;
    }
    let whole = n.ilog2();
    // The mantissa in [1, 2) with 63 bits behind the point.
    let mut mantissa = (n as u128) << (63 - whole);
    let mut fraction: u128 = 0;
    let mut bit = 0;
    while bit < 40 {
        mantissa = (mantissa * mantissa) >> 63;
        fraction <<= 1;
        if mantissa >> 64 != 0 {
            mantissa >>= 1;
            fraction |= 1;
        }
        bit += 1;
    }
    // log2 with 40 bits behind the point, times log10(2) with 64.
    let log2 = ((whole as u128) << 40) | fraction;
    ((log2 * LOG10_2_Q64) >> 72) as Q32
}

/// The two terms of hot: `sign(score) × log10(max(|score|, 1))`, and `time / 45,000 s`.
#[must_use]
pub const fn hot_terms(score: i64, time: TimeMs) -> (Q32, Q32) {
    let size = log10(score.unsigned_abs());
    let votes = if score < 0 { -size } else { size };
    let time = if time.0 > TIME_MAX { TIME_MAX } else { time.0 };
    let age = ((time as u128) << 32) / HOT_DECAY_MS as u128;
    (votes, age as Q32)
}

/// Hot, version 1: the sum of its [`hot_terms`].
#[must_use]
pub const fn hot(score: i64, time: TimeMs) -> Q32 {
    let (votes, age) = hot_terms(score, time);
    votes + age
}

/// Best, version 1: the lower bound of Wilson's interval,
/// `(up + z²/2 − z·√(up·down/n + z²/4)) / (n + z²)` with `n = up + down`; 0 without votes.
#[must_use]
pub const fn best(votes: Votes) -> Q32 {
    let (up, down) = (votes.up as u128, votes.down as u128);
    let n = up + down;
    if n == 0 {
        return 0;
    }
    let z2 = WILSON_Z2 as u128;
    // z² · (up·down/n + z²/4), with 64 bits behind the point, so that its root has 32.
    let under = ((z2 * up * down / n) << 32) + z2 * z2 / 4;
    let centre = (up << 32) + z2 / 2;
    let spread = under.isqrt();
    let top = centre.saturating_sub(spread);
    ((top << 32) / ((n << 32) + z2)) as Q32
}

/// Controversial, version 1: `(up + down) × (1 − |up − down| / max(up + down, 1))`, which is twice the lesser of the two.
#[must_use]
pub const fn controversial(votes: Votes) -> u64 {
    let lesser = if votes.up < votes.down { votes.up } else { votes.down };
    2 * lesser as u64
}

/// Rising's divisor, as a whole number: `√((age + 2 h)³)` in seconds to the power of 1.5.
#[must_use]
pub const fn rising_divisor(time: TimeMs, now: TimeMs) -> u128 {
    let age_s = now.since_ms(time) / 1000;
    let age_s = if age_s > TIME_MAX / 1000 { TIME_MAX / 1000 } else { age_s };
    let held = (age_s + RISING_OFFSET_S) as u128;
    (held * held * held).isqrt()
}

/// Rising, version 1: `(score + 1) / (age in hours + 2)^1.5`, as a Q32.
#[must_use]
pub const fn rising(score: i64, time: TimeMs, now: TimeMs) -> Q32 {
    // An hour to the power of 1.5 in seconds: 3600^1.5 = 216,000.
    let top = (score as i128 + 1) * 216_000 * ONE as i128;
    (top / rising_divisor(time, now) as i128) as Q32
}

/// A signed number whose bytes sort like it.
#[must_use]
pub(crate) const fn sortable(value: i64) -> [u8; 8] {
    (value as u64 ^ (1 << 63)).to_be_bytes()
}

/// A time in six bytes that sort like it.
#[must_use]
pub(crate) fn time_key(time: TimeMs) -> [u8; 6] {
    let bytes = time.0.min(TIME_MAX).to_be_bytes();
    [bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
}

/// A time in six bytes that sort the other way.
#[must_use]
pub(crate) fn time_key_down(time: TimeMs) -> [u8; 6] {
    time_key(time).map(|byte| !byte)
}

/// What [`time_key`] wrote.
#[must_use]
pub(crate) fn time_of(key: &[u8]) -> Option<TimeMs> {
    let bytes = key.get(..6)?;
    Some(TimeMs(bytes.iter().fold(0, |time, byte| time << 8 | u64::from(*byte))))
}

/// A score in four bytes that sort like it; votes of one item are fewer than 2^31.
#[must_use]
pub(crate) fn score_key(score: i64) -> [u8; 4] {
    let held = score.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    ((held - i64::from(i32::MIN)) as u32).to_be_bytes()
}

/// What [`score_key`] wrote.
#[must_use]
pub(crate) fn score_of(key: &[u8]) -> Option<i64> {
    let bytes: [u8; 4] = key.get(..4)?.try_into().ok()?;
    Some(i64::from(u32::from_be_bytes(bytes)) + i64::from(i32::MIN))
}
