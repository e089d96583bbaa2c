//! What stands in a log as far as the log itself goes: forks, contradicted predecessors and what follows them.
//!
//! Positions are judged in ascending order. Up to the first broken position everything stands. From there on an envelope
//! stands when a `keep` or a countersigned checkpoint vouches for it, or when it alone follows one that stands.

use super::edit::{Log, logs_from};
use super::place::LogAt;
use super::row::{At, Bits};
use crate::index;
use crate::overlay::Overlay;
use crate::port::{ReadError, ReadPort, Rows};
use crate::void::{Range, VoidReason};
use tidepool_protocol::Epoch;

/// The predecessor of an envelope at position 0: in an earlier log of the same line, when it is there.
pub(crate) fn link(port: &dyn ReadPort, at: &LogAt, prev: &[u8; 16]) -> Result<Option<(LogAt, At)>, ReadError> {
    let Some(entry) = index::by_short(port, prev)? else { return Ok(None) };
    let stored = index::stored(port, &entry)?;
    let header = stored.envelope.header();
    let place = LogAt::of(header);
    if place.line() != at.line() || place >= *at {
        return Ok(None);
    }
    let Some(mut log) = Log::load(port, place)? else { return Ok(None) };
    Ok(log.entry(port, header.seq, prev)?.map(|found| (place, found)))
}

/// The logs of the same line in later epochs, in their order.
pub(crate) fn later(rows: &dyn Rows, at: &LogAt) -> Result<Vec<Log>, ReadError> {
    let mut behind = at.0.to_vec();
    behind.push(0);
    logs_from(rows, &behind, at.line(), usize::MAX)
}

/// The whole line, in the order of its epochs.
pub(crate) fn line(rows: &dyn Rows, at: &LogAt) -> Result<Vec<Log>, ReadError> {
    logs_from(rows, &at.in_epoch(Epoch(0)).0, at.line(), usize::MAX)
}

/// Whether `below`, what is known of the position before, contradicts `at`.
pub(crate) fn contradicts(at: &At, below: &[At]) -> bool {
    !below.is_empty() && !below.iter().any(|prev| Some(prev.id) == at.prev && prev.time_ms <= at.time_ms)
}

/// What is known below a position.
struct Below {
    entries: Vec<At>,
    /// Whether what is known below is void in its log.
    void: bool,
}

fn below(port: &dyn ReadPort, log: &mut Log, at: &At) -> Result<Below, ReadError> {
    let entries = match (at.seq, at.prev) {
        (0, None) => Vec::new(),
        (0, Some(prev)) => link(port, &log.at, &prev)?.map(|(_, found)| found).into_iter().collect(),
        (seq, _) => log.entries(port, seq - 1)?,
    };
    let follows = entries.iter().find(|entry| Some(entry.id) == at.prev);
    let void = follows.is_none_or(|entry| entry.bits.chain().is_some());
    Ok(Below { void: void && !entries.is_empty(), entries })
}

/// Judges `log` again from position `from` at least through `through`, and later logs that go on from it.
pub(crate) fn evaluate(
    overlay: &mut Overlay<'_>,
    at: LogAt,
    from: u64,
    through: u64,
    dirty: &mut Vec<Range>,
) -> Result<(), ReadError> {
    if evaluate_log(overlay, at, from, through, dirty)? { evaluate_later(overlay, at, dirty) } else { Ok(()) }
}

/// Judges the later logs of the line again, as far as their predecessors changed.
pub(crate) fn evaluate_later(overlay: &mut Overlay<'_>, at: LogAt, dirty: &mut Vec<Range>) -> Result<(), ReadError> {
    for log in later(overlay, &at)? {
        evaluate_log(overlay, log.at, 0, 0, dirty)?;
    }
    Ok(())
}

fn evaluate_log(
    overlay: &mut Overlay<'_>,
    at: LogAt,
    from: u64,
    through: u64,
    dirty: &mut Vec<Range>,
) -> Result<bool, ReadError> {
    let Some(mut log) = Log::load(overlay, at)? else { return Ok(false) };
    let before = (log.row.broken, log.row.inherits);
    let clean_before = log.row.clean_below();
    let mut changed: Option<(u64, u64)> = None;
    let mut next = log.next(overlay, from)?;
    if from == 0 {
        log.row.inherits = false;
    }
    while let Some(seq) = next {
        let moved = evaluate_position(overlay, &mut log, seq)?;
        if moved {
            changed = Some((changed.map_or(seq, |(first, _)| first), seq));
        }
        // Beyond here nothing can differ from what was judged before: what is below stands as it stood.
        let clean = log.row.clean_below();
        let same_rule = clean == clean_before || seq >= clean.max(clean_before);
        if !moved && same_rule && seq > from && seq >= through {
            break;
        }
        next = match seq.checked_add(1) {
            Some(above) => log.next(overlay, above)?,
            None => None,
        };
    }
    let row_changed = before != (log.row.broken, log.row.inherits);
    if let Some((first, last)) = changed {
        dirty.push(Range::within(at, first, last));
    }
    if changed.is_some() || row_changed {
        log.commit(overlay);
    }
    Ok(changed.is_some())
}

fn evaluate_position(port: &dyn ReadPort, log: &mut Log, seq: u64) -> Result<bool, ReadError> {
    let entries = log.entries(port, seq)?;
    let kept = entries.iter().any(|at| at.bits.has(Bits::KEPT));
    let countersigned = entries.iter().filter(|at| at.bits.has(Bits::COUNTERSIGNED)).count();
    let mut moved = false;
    let mut known = Vec::with_capacity(entries.len());
    for at in &entries {
        known.push(below(port, log, at)?);
    }
    // A new log may begin at an earlier time than the one before it ended: so it does behind a clock that stepped back.
    let contradicted = |at: &At, below: &Below| at.seq > 0 && contradicts(at, &below.entries);
    // A position that held two once holds two for good.
    if entries.len() > 1 || entries.iter().zip(&known).any(|(at, below)| contradicted(at, below)) {
        log.row.broken = Some(log.row.broken.map_or(seq, |broken| broken.min(seq)));
    }
    if seq == 0 {
        let against = known.iter().any(|below| below.void);
        log.row.inherits = entries.len() == 1 && against && !kept;
    }
    for (at, below) in entries.iter().zip(&known) {
        let vouched = countersigned == 1 && at.bits.has(Bits::COUNTERSIGNED) && !below.void;
        let reason = if at.bits.has(Bits::KEPT) {
            None
        } else if kept {
            Some(VoidReason::Fork)
        } else if vouched {
            None
        } else if entries.len() > 1 {
            Some(VoidReason::Fork)
        } else if contradicted(at, below) {
            Some(VoidReason::Predecessor)
        } else if seq < log.row.clean_below() || (seq == 0 && !below.void) {
            None
        } else if below.void || below.entries.is_empty() {
            Some(VoidReason::AfterFork)
        } else {
            None
        };
        let bits = at.bits.with_chain(reason);
        if bits != at.bits {
            log.put(port, At { bits, ..*at })?;
            moved = true;
        }
    }
    Ok(moved)
}
