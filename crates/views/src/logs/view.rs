//! A log as an inspector sees it: its head, where it forks, the branches that end in it, and what is missing.

use super::edit::{Log, logs_from};
use super::gaps_of;
use super::place::LogAt;
use super::row::At;
use super::{full_id, head_at};
use crate::codec;
use crate::port::{ReadError, Rows};
use tidepool_protocol::body::Head;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::{AuthorId, EnvelopeId, Scope, TimeMs};

/// How many positions behind the first broken one are looked through for branches.
const WALK_MAX: usize = 4_096;

/// How many forked positions, branches and gaps of one log are named.
const NAMED_MAX: usize = 16;

/// One log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogView {
    /// The greatest position, there the lowest id.
    pub head: Head,
    /// The head's time.
    pub time_ms: TimeMs,
    /// Whether the head stands as far as the log goes.
    pub stands: bool,
    /// The lowest position that holds two, or contradicts the one before it.
    pub broken: Option<u64>,
    /// Positions that hold more than one, with what they hold by id.
    pub forks: Vec<Fork>,
    /// Where a log that is broken ends, when it forks: what a `keep` names one of.
    pub branches: Vec<End>,
    /// Heads that a `keep` with effect names.
    pub kept: Vec<(u64, EnvelopeId)>,
    /// Positions below the head at which nothing is held, as inclusive ranges.
    pub gaps: Vec<(u64, u64)>,
}

/// A position that holds more than one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Which.
    pub seq: u64,
    /// What it holds, ascending.
    pub ids: Vec<EnvelopeId>,
}

/// An envelope that nothing in its log goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Its position.
    pub seq: u64,
    /// Which.
    pub id: EnvelopeId,
    /// Whether it stands as far as the log goes.
    pub stands: bool,
}

/// Logs of `author`, in one scope or in all, behind `after` in the order of the rows, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn view(
    rows: &dyn Rows,
    author: AuthorId,
    scope: Option<&Scope>,
    after: Option<&LogId>,
    limit: usize,
) -> Result<Vec<LogView>, ReadError> {
    let mut prefix = codec::short(&author.0).to_vec();
    if let Some(scope) = scope {
        prefix.extend_from_slice(&super::place::scope_hash(scope));
    }
    let from = match after {
        Some(after) => [&LogAt::of_log(after).0[..], &[0]].concat(),
        None => prefix.clone(),
    };
    let mut views = Vec::new();
    for mut log in logs_from(rows, &from, &prefix, limit)? {
        if let Some(top) = log.top() {
            views.push(one(rows, &mut log, &top)?);
        }
    }
    Ok(views)
}

fn one(rows: &dyn Rows, log: &mut Log, top: &At) -> Result<LogView, ReadError> {
    let mut kept = Vec::new();
    for named in log.row.named.clone().iter().filter(|named| named.kept) {
        if log.entry(rows, named.seq, &named.id)?.is_some() {
            kept.push((named.seq, super::id_of(rows, &named.id)?));
        }
    }
    let mut view = LogView {
        head: head_at(rows, log, top)?,
        time_ms: TimeMs(top.time_ms),
        stands: top.bits.chain().is_none(),
        broken: log.row.broken,
        forks: Vec::new(),
        branches: Vec::new(),
        kept,
        gaps: gaps_of(rows, log, NAMED_MAX)?,
    };
    let Some(broken) = log.row.broken else { return Ok(view) };
    let mut next = log.next(rows, broken)?;
    for _ in 0..WALK_MAX {
        let Some(seq) = next else { break };
        let entries = log.entries(rows, seq)?;
        let above = match seq.checked_add(1) {
            Some(above) => log.entries(rows, above)?,
            None => Vec::new(),
        };
        if entries.len() > 1 && view.forks.len() < NAMED_MAX {
            let ids = entries.iter().map(|at| full_id(rows, at)).collect::<Result<_, _>>()?;
            view.forks.push(Fork { seq, ids });
        }
        for at in entries.iter().filter(|at| !above.iter().any(|child| child.prev == Some(at.id))) {
            if view.branches.len() < NAMED_MAX {
                view.branches.push(End { seq, id: full_id(rows, at)?, stands: at.bits.chain().is_none() });
            }
        }
        next = match seq.checked_add(1) {
            Some(above) => log.next(rows, above)?,
            None => None,
        };
    }
    Ok(view)
}
