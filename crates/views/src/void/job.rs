//! Stretches whose verdicts changed, kept as rows where there is too much to tell content at once.

use super::settle::settle_range;
use crate::codec::{self, Unpack, damaged};
use crate::content;
use crate::logs::place::LogAt;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows};
use crate::rows;
use tidepool_protocol::NetworkGenesis;

/// Positions of one log, or everything of one author or of one author in one scope from a place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    /// The log it starts in.
    pub(crate) at: LogAt,
    /// The position it starts at.
    pub(crate) first: u64,
    /// The last position, when it is of one log.
    pub(crate) last: u64,
    /// How many bytes of the log's key must agree.
    pub(super) wide: u8,
}

const ONE_LOG: u8 = 56;
const _: () = assert!(ONE_LOG as usize == LogAt::LEN);

impl Range {
    /// Positions `first` to `last` of one log.
    pub(crate) const fn within(at: LogAt, first: u64, last: u64) -> Self {
        Self { at, first, last, wide: ONE_LOG }
    }

    /// All logs whose keys start with `prefix`, of an author or of an author and a scope.
    pub(crate) fn all(prefix: &[u8]) -> Self {
        let mut at = [0; LogAt::LEN];
        for (to, from) in at.iter_mut().zip(prefix) {
            *to = *from;
        }
        let wide = u8::try_from(prefix.len()).unwrap_or(ONE_LOG).min(ONE_LOG);
        Self { at: LogAt(at), first: 0, last: u64::MAX, wide }
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        &self.at.0[..usize::from(self.wide)]
    }

    /// The last position of it that lies in `log`.
    pub(crate) fn last_in(&self, log: &LogAt) -> u64 {
        if self.wide == ONE_LOG && *log == self.at { self.last } else { u64::MAX }
    }

    /// Where it goes on behind `log`.
    pub(crate) fn behind(&self, log: &LogAt) -> Option<LogAt> {
        let mut next = *log;
        for byte in next.0[usize::from(self.wide)..].iter_mut().rev() {
            match byte.checked_add(1) {
                Some(more) => {
                    *byte = more;
                    return Some(next);
                }
                None => *byte = 0,
            }
        }
        None
    }
}

/// Adds a job; one that starts at the same place is made wide enough for both.
pub(crate) fn put(overlay: &mut Overlay<'_>, range: Range) -> Result<(), ReadError> {
    let key = codec::key(rows::JOB, &[&range.at.0, &range.first.to_be_bytes(), &[range.wide]]);
    let known = overlay.get(&key)?.map(|value| last_of(&value)).transpose()?;
    let last = known.map_or(range.last, |known| known.max(range.last));
    overlay.put(key, last.to_be_bytes().to_vec());
    Ok(())
}

fn last_of(value: &[u8]) -> Result<u64, ReadError> {
    let mut value = Unpack::new(rows::JOB, value);
    let last = value.u64()?;
    value.finish()?;
    Ok(last)
}

fn first_job(rows: &dyn Rows) -> Result<Option<(Vec<u8>, Range)>, ReadError> {
    let mut found = None;
    rows.scan(&[rows::JOB], &[rows::JOB + 1], &mut |key, value| {
        found = Some((key.to_vec(), value.clone()));
        false
    })?;
    let Some((key, value)) = found else { return Ok(None) };
    let mut parts = Unpack::new(rows::JOB, &key);
    parts.u8()?;
    let at = LogAt(parts.array()?);
    let first = parts.u64()?;
    let wide = parts.u8()?;
    parts.finish()?;
    if wide > ONE_LOG {
        return Err(damaged(rows::JOB, "its width"));
    }
    Ok(Some((key, Range { at, first, last: last_of(&value)?, wide })))
}

/// Whether a job was put into the overlay and waits.
pub(crate) fn has_put(overlay: &Overlay<'_>) -> bool {
    overlay.has_set(rows::JOB)
}

/// Whether any job waits.
pub(crate) fn pending(rows: &dyn Rows) -> Result<bool, ReadError> {
    Ok(first_job(rows)?.is_some())
}

/// Goes on with telling content of what changed, at most `budget` envelopes. `true` when more is left.
///
/// # Errors
/// When the store fails.
pub fn run_jobs(overlay: &mut Overlay<'_>, genesis: &NetworkGenesis, budget: usize) -> Result<bool, ReadError> {
    let mut budget = budget;
    while budget > 0 {
        let Some((key, range)) = first_job(overlay)? else { return content::run_jobs(overlay, budget) };
        overlay.delete(key);
        if let Some(rest) = settle_range(overlay, range, &mut budget, genesis)? {
            put(overlay, rest)?;
        }
    }
    Ok(pending(overlay)? || content::jobs_wait(overlay)?)
}
