//! Tells content what stands and what does not: compares the verdicts of a stretch with what content has applied.

use super::{AT_ONCE_MAX, Author, Range, VoidReason, job};
use crate::content::{self, About};
use crate::index::{self, Entry};
use crate::logs::edit::logs_from;
use crate::logs::row::At;
use crate::overlay::Overlay;
use crate::port::{Cursor, ReadError, ReadPort, Stored};
use crate::prune::prunable_bytes;
use crate::vouch::{checkpoint, keep};
use crate::work::Work;
use crate::{Evicted, codec, rows};
use tidepool_protocol::{Body, Kind, NetworkGenesis};

/// The body that content is told of; `None` for what concerns the core only, and for what has none.
fn body(stored: &Stored) -> Option<Body> {
    let header = stored.envelope.header();
    let body = Body::decode(header.kind, stored.envelope.body()?).ok()??;
    match body {
        Body::Keep(_) | Body::Checkpoint(_) | Body::Presence(_) => None,
        Body::Profile(_)
        | Body::Card(_)
        | Body::MailKey(_)
        | Body::Subscribe(_)
        | Body::Follow(_)
        | Body::Post(_)
        | Body::Comment(_)
        | Body::Edit(_)
        | Body::Tombstone(_)
        | Body::Vote(_)
        | Body::Charter(_)
        | Body::Settings(_)
        | Body::Grant(_)
        | Body::Withdraw(_)
        | Body::Action(_)
        | Body::Report(_) => Some(body),
    }
}

/// Whether the body of a known kind is there and does not fit it. Says nothing of identity operations.
pub(crate) fn is_unfit(stored: &Stored) -> bool {
    let kind = stored.envelope.header().kind;
    stored.envelope.body().is_some_and(|body| Body::decode(kind, body).is_err())
}

/// Records `core` as the verdict on `stored`, and tells content when that is news, and whether anybody can have spoken of
/// it before.
pub(crate) fn settle_one(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    entry: &Entry,
    (core, unheard_of): (Option<VoidReason>, bool),
    genesis: &NetworkGenesis,
) -> Result<(), ReadError> {
    let body = body(stored);
    match (&body, entry.applied, core.is_some()) {
        (Some(body), false, false) => {
            index::put(overlay, &Entry { core, applied: true, ..*entry });
            let about = About { spot: entry.spot, unheard_of };
            content::apply(overlay, stored, body, about, genesis)
        }
        (Some(body), true, true) => {
            index::put(overlay, &Entry { core, ..*entry });
            content::retract(overlay, stored, body, entry.spot, genesis)?;
            // Content may have taken back its own reason.
            let entry = index::get(overlay, &entry.id)?.unwrap_or(*entry);
            index::put(overlay, &Entry { core, applied: false, content: None, ..entry });
            Ok(())
        }
        _ => {
            if entry.core != core {
                index::put(overlay, &Entry { core, ..*entry });
            }
            Ok(())
        }
    }
}

fn settle_at(
    overlay: &mut Overlay<'_>,
    at: &At,
    author: &mut Author,
    genesis: &NetworkGenesis,
) -> Result<(), ReadError> {
    let entry = index::by_short(overlay, &at.id)?
        .ok_or_else(|| codec::damaged(rows::LOG, "it holds an envelope that the index does not know"))?;
    let stored = index::stored(overlay, &entry)?;
    let core = author.judge(overlay, &entry, stored.envelope.header(), at.bits)?;
    settle_one(overlay, &stored, &entry, (core, false), genesis)
}

/// Settles `ranges`, at most [`AT_ONCE_MAX`] envelopes; the rest becomes jobs.
pub(crate) fn settle(overlay: &mut Overlay<'_>, ranges: Vec<Range>, genesis: &NetworkGenesis) -> Result<(), ReadError> {
    let mut budget = AT_ONCE_MAX;
    let mut ranges = ranges;
    ranges.sort_unstable();
    ranges.dedup();
    for range in ranges {
        if let Some(rest) = settle_range(overlay, range, &mut budget, genesis)? {
            job::put(overlay, rest)?;
        }
    }
    Ok(())
}

/// Settles a range until the budget is used up; says what is left.
pub(crate) fn settle_range(
    overlay: &mut Overlay<'_>,
    range: Range,
    budget: &mut usize,
    genesis: &NetworkGenesis,
) -> Result<Option<Range>, ReadError> {
    let mut author = Author::default();
    let mut from = range;
    // One log at a time, because content may be told of many envelopes in between.
    loop {
        let Some(mut log) = logs_from(overlay, &from.at.0, range.prefix(), 1)?.pop() else { return Ok(None) };
        let mut seq = if log.at == from.at { from.first } else { 0 };
        let last = range.last_in(&log.at);
        while let Some(held) = log.next(overlay, seq)?.filter(|held| *held <= last) {
            if *budget == 0 {
                return Ok(Some(Range { at: log.at, first: held, ..range }));
            }
            for at in log.entries(overlay, held)? {
                settle_at(overlay, &at, &mut author, genesis)?;
                *budget = budget.saturating_sub(1);
            }
            let Some(above) = held.checked_add(1) else { break };
            seq = above;
        }
        let Some(next) = range.behind(&log.at) else { return Ok(None) };
        from = Range { at: next, first: 0, ..range };
    }
}

/// Takes an envelope that is no longer held out of every row.
pub(crate) fn evict(
    overlay: &mut Overlay<'_>,
    cursor: Cursor,
    genesis: &NetworkGenesis,
    work: &mut Work,
) -> Result<Option<Evicted>, ReadError> {
    let port: &dyn ReadPort = overlay;
    let Some(stored) = port.stored(cursor)? else { return Ok(None) };
    let id = stored.envelope.id();
    let Some(entry) = index::get(overlay, &id)?.filter(|entry| entry.cursor == cursor) else { return Ok(None) };
    if entry.applied
        && let Some(body) = body(&stored)
    {
        content::retract(overlay, &stored, &body, entry.spot, genesis)?;
    }
    let is_spoken_of = content::is_spoken_of(overlay, entry.spot)?;
    index::delete(overlay, &entry, is_spoken_of);
    content::left(overlay, &stored)?;
    let header = stored.envelope.header();
    if header.kind == Kind::KEEP {
        keep::left(overlay, &stored, work)?;
    } else if header.kind == Kind::CHECKPOINT {
        checkpoint::left(overlay, &stored, work)?;
    }
    let prunable_bytes = prunable_bytes(&stored.envelope);
    let (slot, time_ms) = (header.slot(), header.time_ms);
    Ok(Some(Evicted { id, slot, time_ms, cursor, origin: stored.origin, prunable_bytes }))
}
