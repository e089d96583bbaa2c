//! Logs: which envelopes stand at which positions, which are kept, what is missing.
//!
//! A log is one author's envelopes by one key in one scope in one epoch; a *line* is all logs of that key there.

pub(crate) mod chain;
pub(crate) mod edit;
pub(crate) mod insert;
pub(crate) mod path;
pub(crate) mod place;
pub(crate) mod row;
mod view;

pub use view::{End, Fork, LogView, view};

use crate::codec::{self, damaged};
use crate::index;
use crate::port::{Cursor, ReadError, Rows};
use crate::rows;
use edit::{Log, logs_from};
use place::LogAt;
use row::{At, LogRow};
use tidepool_protocol::body::Head;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::{AuthorId, EnvelopeId, Epoch, Header, PublicKey, Scope, TimeMs};

/// What becomes of an arriving envelope at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is held.
    Held,
    /// It is held, and this one leaves.
    Evicts(EnvelopeId),
    /// Two lower ids stand at its position, and no kept head descends from it: it is not held.
    Refused,
}

/// Whether an arriving envelope would be held, and whom it would evict. Identity operations are always held.
///
/// # Errors
/// When the store fails.
pub fn holds(rows: &dyn Rows, header: &Header, id: &EnvelopeId) -> Result<Hold, ReadError> {
    if header.kind.is_identity_operation() {
        return Ok(Hold::Held);
    }
    let leaving = insert::leaving(rows, header, id)?;
    if leaving.iter().any(|at| at.id == id.short()) {
        return Ok(Hold::Refused);
    }
    match leaving.first() {
        Some(at) => Ok(Hold::Evicts(full_id(rows, at)?)),
        None => Ok(Hold::Held),
    }
}

fn full_id(rows: &dyn Rows, at: &At) -> Result<EnvelopeId, ReadError> {
    id_of(rows, &at.id)
}

fn id_of(rows: &dyn Rows, short: &[u8; 16]) -> Result<EnvelopeId, ReadError> {
    match index::by_short(rows, short)? {
        Some(entry) => Ok(entry.id),
        None => Err(damaged(rows::LOG, "it holds an envelope that the index does not know")),
    }
}

fn head_at(rows: &dyn Rows, log: &Log, top: &At) -> Result<Head, ReadError> {
    let (scope, key, epoch) = (log.row.scope.clone(), log.row.key, log.at.epoch());
    Ok(Head { scope, key, epoch, seq: top.seq, id: full_id(rows, top)? })
}

/// The end of one key's line in one scope, and what whoever goes on from it must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The greatest epoch, in it the greatest position, there the lowest id.
    pub head: Head,
    /// Its time, before which the next of its log may not claim to be.
    pub time_ms: TimeMs,
    /// Where this node holds it.
    pub cursor: Cursor,
    /// Whether it stands as far as its log goes; what follows one that does not is void.
    pub stands: bool,
}

/// The tip of one key's line of one author in one scope.
///
/// # Errors
/// When the store fails.
pub fn tip(rows: &dyn Rows, author: AuthorId, key: PublicKey, scope: &Scope) -> Result<Option<Tip>, ReadError> {
    let first = LogAt::new(&author, scope, &key, Epoch(0));
    let from = codec::key(rows::LOG, &[first.line()]);
    let mut found = None;
    let mut damage = None;
    rows.scan_back(&from, &codec::prefix_end(&from), &mut |key, value| {
        match (LogAt::from_slice(&key[1..]), LogRow::decode(value)) {
            // A log that only a `keep` names holds nothing yet.
            (Some(_), Ok(row)) if row.newest.is_empty() => return true,
            (Some(at), Ok(row)) => found = Some(Log::open(at, row)),
            (None, _) => damage = Some(damaged(rows::LOG, "its key")),
            (_, Err(error)) => damage = Some(error),
        }
        false
    })?;
    let log = match (damage, found) {
        (Some(damage), _) => return Err(damage),
        (None, Some(log)) => log,
        (None, None) => return Ok(None),
    };
    let Some(top) = log.top() else { return Ok(None) };
    let head = head_at(rows, &log, &top)?;
    let stands = top.bits.chain().is_none();
    Ok(Some(Tip { head, time_ms: TimeMs(top.time_ms), cursor: top.cursor, stands }))
}

/// The newest head of one key of one author in one scope, as [`tip`] finds it, and its time.
///
/// # Errors
/// When the store fails.
pub fn head(
    rows: &dyn Rows,
    author: AuthorId,
    key: PublicKey,
    scope: &Scope,
) -> Result<Option<(Head, TimeMs)>, ReadError> {
    Ok(tip(rows, author, key, scope)?.map(|tip| (tip.head, tip.time_ms)))
}

/// The newest envelope of that line that stands as far as its log goes: what a new log names as its predecessor when the
/// tip is void. Reads the line backwards, so it is for logs that are broken.
///
/// # Errors
/// When the store fails.
pub fn standing(
    rows: &dyn Rows,
    author: AuthorId,
    key: PublicKey,
    scope: &Scope,
) -> Result<Option<EnvelopeId>, ReadError> {
    let first = LogAt::new(&author, scope, &key, Epoch(0));
    for mut log in chain::line(rows, &first)?.into_iter().rev() {
        let mut seq = log.top().map(|top| top.seq);
        while let Some(at) = seq {
            if let Some(entry) = log.entries(rows, at)?.iter().find(|entry| entry.bits.chain().is_none()) {
                return full_id(rows, entry).map(Some);
            }
            seq = at.checked_sub(1);
        }
    }
    Ok(None)
}

/// Heads of `author`'s logs behind `after` in the order of the rows, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn heads(rows: &dyn Rows, author: AuthorId, after: Option<&LogId>, limit: usize) -> Result<Vec<Head>, ReadError> {
    let short = codec::short(&author.0);
    let mut from = short.to_vec();
    let mut heads = Vec::new();
    if let Some(after) = after {
        from = [&LogAt::of_log(after).0[..], &[0]].concat();
    }
    while heads.len() < limit {
        let asked = limit - heads.len();
        let logs = logs_from(rows, &from, &short, asked)?;
        let Some(last) = logs.last() else { break };
        from = [&last.at.0[..], &[0]].concat();
        let is_end = logs.len() < asked;
        for log in logs {
            if let Some(top) = log.top() {
                heads.push(head_at(rows, &log, &top)?);
            }
        }
        if is_end {
            break;
        }
    }
    Ok(heads)
}

/// The ids held in `log` at positions `from` to `to` (inclusive), at most `limit`, in order of position and id.
///
/// # Errors
/// When the store fails.
pub fn range(rows: &dyn Rows, log: &LogId, from: u64, to: u64, limit: usize) -> Result<Vec<EnvelopeId>, ReadError> {
    let Some(mut log) = Log::load(rows, LogAt::of_log(log))? else { return Ok(Vec::new()) };
    let mut ids = Vec::new();
    let mut next = log.next(rows, from)?;
    while let Some(seq) = next.filter(|seq| *seq <= to) {
        for at in log.entries(rows, seq)? {
            if ids.len() == limit {
                return Ok(ids);
            }
            ids.push(full_id(rows, &at)?);
        }
        next = match seq.checked_add(1) {
            Some(above) => log.next(rows, above)?,
            None => None,
        };
    }
    Ok(ids)
}

/// The greatest position of `log` at which anything is held.
///
/// # Errors
/// When the store fails.
pub fn top(rows: &dyn Rows, log: &LogId) -> Result<Option<u64>, ReadError> {
    Ok(Log::load(rows, LogAt::of_log(log))?.and_then(|log| log.top()).map(|top| top.seq))
}

/// The positions below the head of `log` at which nothing is held, as inclusive ranges, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn gaps(rows: &dyn Rows, log: &LogId, limit: usize) -> Result<Vec<(u64, u64)>, ReadError> {
    match Log::load(rows, LogAt::of_log(log))? {
        Some(mut log) => gaps_of(rows, &mut log, limit),
        None => Ok(Vec::new()),
    }
}

fn gaps_of(rows: &dyn Rows, log: &mut Log, limit: usize) -> Result<Vec<(u64, u64)>, ReadError> {
    let mut gaps = Vec::new();
    let mut expected = 0;
    while let Some(seq) = log.next(rows, expected)? {
        if gaps.len() == limit {
            break;
        }
        if seq > expected {
            gaps.push((expected, seq - 1));
        }
        let Some(above) = seq.checked_add(1) else { break };
        expected = above;
    }
    Ok(gaps)
}
