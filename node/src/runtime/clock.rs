//! The wall clock, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};
use tidepool_protocol::TimeMs;

/// Milliseconds since 1970; zero when the machine's clock stands before that.
pub(crate) fn now() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
