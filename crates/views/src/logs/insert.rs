//! An envelope arrives at its position: who is held there, and what that changes in its log.

use super::chain::{contradicts, evaluate, evaluate_later, later, link};
use super::edit::Log;
use super::path;
use super::place::LogAt;
use super::row::{At, Bits, Named};
use crate::codec;
use crate::overlay::Overlay;
use crate::port::{ReadError, ReadPort, Rows, Stored};
use crate::void::Range;
use crate::work::Work;
use tidepool_protocol::{EnvelopeId, Header, Kind};

/// How many envelopes a position holds beside ancestors of kept heads: two show a fork, more only fill the disk.
pub(crate) const HELD_PER_POSITION: usize = 2;

/// What is already known of an arriving envelope through others.
struct Known {
    log: Log,
    siblings: Vec<At>,
    children: Vec<At>,
    kept: bool,
    countersigned: bool,
    /// Whether a later log goes on from it.
    linked: bool,
}

fn known(rows: &dyn Rows, header: &Header, id: &[u8; 16]) -> Result<Known, ReadError> {
    let at = LogAt::of(header);
    let mut log = Log::load_or_new(rows, at, header.key, &header.scope)?;
    let siblings = log.entries(rows, header.seq)?;
    let children = match header.seq.checked_add(1) {
        Some(above) => log.entries(rows, above)?,
        None => Vec::new(),
    };
    let mut bits = Bits::default();
    for child in children.iter().filter(|child| child.prev == Some(*id)) {
        bits = bits.with(child.bits);
    }
    let mut linked = false;
    for mut next in later(rows, &at)? {
        for child in next.entries(rows, 0)?.iter().filter(|child| child.prev == Some(*id)) {
            bits = bits.with(child.bits);
            linked = true;
        }
    }
    let named = |kept: bool| log.row.named.binary_search(&Named { kept, seq: header.seq, id: *id }).is_ok();
    let kept = bits.has(Bits::KEPT) || named(true);
    let countersigned = bits.has(Bits::COUNTERSIGNED) || named(false);
    Ok(Known { log, siblings, children, kept, countersigned, linked })
}

/// The envelopes at one position that are not held, of those that `all` lists by id.
fn beyond(all: &[At]) -> impl Iterator<Item = &At> {
    all.iter().skip(HELD_PER_POSITION).filter(|at| !at.bits.has(Bits::KEPT))
}

fn with_arrival(siblings: &[At], arrival: At) -> Vec<At> {
    let mut all = siblings.to_vec();
    all.push(arrival);
    all.sort_unstable_by_key(|at| at.id);
    all
}

/// Who leaves when an envelope of this header and id arrives; the arrival itself when it is not held.
pub(crate) fn leaving(rows: &dyn Rows, header: &Header, id: &EnvelopeId) -> Result<Vec<At>, ReadError> {
    let known = known(rows, header, &id.short())?;
    let bits = if known.kept { Bits::KEPT } else { Bits::default() };
    let arrival = At {
        seq: header.seq,
        id: id.short(),
        prev: None,
        time_ms: header.time_ms.0,
        cursor: crate::Cursor::START,
        bits,
    };
    Ok(beyond(&with_arrival(&known.siblings, arrival)).copied().collect())
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// Not held; nothing was written.
    Refused,
    /// It follows what stands, and nothing else changed.
    Plain,
    /// Its bits and perhaps those of others were judged; what may have changed is in the work.
    Judged,
}

/// Puts an envelope, which the index knows by now, at its position.
pub(crate) fn insert(overlay: &mut Overlay<'_>, stored: &Stored, work: &mut Work) -> Result<Placed, ReadError> {
    let header = stored.envelope.header();
    let id = stored.envelope.id().short();
    let Known { mut log, siblings, children, kept, countersigned, linked } = known(overlay, header, &id)?;
    let bits = if header.kind == Kind::KEEP { Bits::IS_KEEP } else { Bits::default() };
    let prev = header.prev.as_ref().map(EnvelopeId::short);
    let arrival = At { seq: header.seq, id, prev, time_ms: header.time_ms.0, cursor: stored.cursor, bits };

    let held_as = At { bits: if kept { bits.with(Bits::KEPT) } else { bits }, ..arrival };
    let all = with_arrival(&siblings, held_as);
    if !work.again && beyond(&all).any(|at| at.id == id) {
        return Ok(Placed::Refused);
    }
    if let Some(below) = header.seq.checked_sub(1) {
        work.gap = log.entries(overlay, below)?.is_empty();
    }
    work.forks = siblings.len() == 1;
    // Who leaves is decided last: the arrival may be a `keep` that holds another.
    if all.len() > HELD_PER_POSITION {
        work.crowded.insert((log.at, header.seq));
    }
    // A `keep` that is no longer among the lowest has effect only if another one keeps it.
    if all.iter().skip(HELD_PER_POSITION).any(|at| at.bits.has(Bits::IS_KEEP)) {
        work.rebuild.insert(log.at.scope().to_vec());
    }
    let at = log.at;
    let clean = log.row.clean_below();
    let plain = siblings.is_empty()
        && !(kept || countersigned || linked)
        && header.seq < clean
        && (children.is_empty() || header.seq + 1 < clean)
        && !children.iter().any(|child| contradicts(child, &[arrival]))
        && follows(overlay, &mut log, &arrival)?;
    log.put(overlay, arrival)?;
    log.commit(overlay);
    if plain {
        return Ok(Placed::Plain);
    }
    for (known, kept) in [(kept, true), (countersigned, false)] {
        if known {
            let named = Named { kept, seq: arrival.seq, id };
            let marked = path::mark(overlay, at, named, &mut work.dirty)?;
            work.keeps.extend(marked.keeps);
        }
    }
    evaluate(overlay, at, arrival.seq, arrival.seq, &mut work.dirty)?;
    if linked {
        evaluate_later(overlay, at, &mut work.dirty)?;
    }
    work.dirty.push(Range::within(at, arrival.seq, arrival.seq));
    // Countersigned heads are looked for when a log breaks; those that come later say so themselves.
    if clean == u64::MAX || linked {
        work.broken.insert(at);
    }
    Ok(Placed::Judged)
}

/// Checks, when a log is folded again, that whoever stands at a crowded position is in the log: rows from before an
/// eviction, beside a log from after it, cannot be mended, because nobody can say what content was told of it.
pub(crate) fn check_crowd(port: &dyn ReadPort, at: LogAt, seq: u64) -> Result<(), ReadError> {
    let Some(mut log) = Log::load(port, at)? else { return Ok(()) };
    for entry in beyond(&log.entries(port, seq)?) {
        if port.stored(entry.cursor)?.is_none() {
            return Err(codec::damaged(crate::rows::LOG, "it holds an envelope that left the log later"));
        }
    }
    Ok(())
}

/// Takes out who is no longer held at a position, when all `keep`s are weighed.
pub(crate) fn trim(overlay: &mut Overlay<'_>, at: LogAt, seq: u64, work: &mut Work) -> Result<(), ReadError> {
    let Some(mut log) = Log::load(overlay, at)? else { return Ok(()) };
    let entries = log.entries(overlay, seq)?;
    let mut trimmed = false;
    for gone in beyond(&entries) {
        log.remove(overlay, seq, &gone.id)?;
        work.evicted.push(gone.cursor);
        trimmed = true;
        if gone.bits.has(Bits::COUNTERSIGNED) {
            work.recheck.insert(codec::short_of(at.author()));
        }
    }
    if trimmed {
        log.commit(overlay);
        evaluate(overlay, at, seq, seq, &mut work.dirty)?;
        evaluate_later(overlay, at, &mut work.dirty)?;
    }
    Ok(())
}

/// Whether nothing that is known below `arrival` speaks against it.
fn follows(port: &dyn ReadPort, log: &mut Log, arrival: &At) -> Result<bool, ReadError> {
    match (arrival.seq, arrival.prev) {
        (0, None) => Ok(true),
        (0, Some(prev)) => match link(port, &log.at, &prev)? {
            Some((_, found)) => Ok(found.bits.chain().is_none()),
            None => Ok(true),
        },
        (seq, _) => Ok(!contradicts(arrival, &log.entries(port, seq - 1)?)),
    }
}
