//! The two clocks that a step is told. The time of the world can be set, back as well: it says when something was signed
//! and whether it is young. How long something lasts is told by the steady clock alone.

use tidepool_protocol::TimeMs;

/// Milliseconds by a clock that nobody sets and that never goes back, since a moment that the driver chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady(pub u64);

impl Steady {
    /// This moment plus `ms`, held at the end of time.
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

/// What the clocks say when a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The time of the world, as far as this machine knows it.
    pub time: TimeMs,
    /// For deadlines, rates and timers.
    pub steady: Steady,
}

/// Where the clock is never set, one is enough.
impl From<TimeMs> for Now {
    fn from(time: TimeMs) -> Self {
        Self { time, steady: Steady(time.0) }
    }
}
