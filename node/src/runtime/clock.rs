//! The clocks, read in one place.

use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tidepool_kernel::{Now, Steady};
use tidepool_protocol::TimeMs;

/// Milliseconds since 1970; zero when the machine's clock stands before that.
pub(crate) fn now() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Both clocks of one run of the kernel; the steady one begins with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    began: Instant,
}

impl Clocks {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now() }
    }

    /// What they say.
    pub(crate) fn now(self) -> Now {
        let steady = self.began.elapsed().as_millis();
        Now { time: now(), steady: Steady(u64::try_from(steady).unwrap_or(u64::MAX)) }
    }
}
