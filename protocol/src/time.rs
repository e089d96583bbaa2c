//! Time as the wire knows it: milliseconds since the Unix epoch, and the week and number that name a log.

use crate::limits::{EPOCHS_PER_WEEK, WEEK_S};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeMs(pub u64);

impl TimeMs {
    /// The week it lies in, counted from 1970-01-01 (a Thursday).
    #[must_use]
    pub const fn week(self) -> u64 {
        self.0 / 1000 / WEEK_S
    }

    /// Whole seconds since its week began.
    #[must_use]
    pub const fn seconds_into_week(self) -> u64 {
        self.0 / 1000 % WEEK_S
    }

    /// This time plus `ms`, held at the end of time.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to here, zero when `earlier` is later.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The number of a log of one key in one scope: sixteen times the week it lies in, plus a number from 0 to 15.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The first log of the week in which `time` lies.
    #[must_use]
    pub const fn first_of(time: TimeMs) -> Self {
        Self(time.week() * EPOCHS_PER_WEEK)
    }

    /// The week it lies in.
    #[must_use]
    pub const fn week(self) -> u64 {
        self.0 / EPOCHS_PER_WEEK
    }

    /// The next log of the same week; `None` after the sixteenth.
    #[must_use]
    pub const fn next_in_week(self) -> Option<Self> {
        if self.0 % EPOCHS_PER_WEEK == EPOCHS_PER_WEEK - 1 { None } else { Some(Self(self.0 + 1)) }
    }
}

#[cfg(test)]
mod tests;
