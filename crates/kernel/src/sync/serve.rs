//! Serving what peers ask for: bounded answers, read through the open batch, spoken when it is durable.

use super::Cover;
use super::reconcile::Points;
use crate::custody::Custody;
use crate::digest::{self, Tree};
use crate::node::Node;
use crate::store::Store;
use bytes::Bytes;
use std::collections::BTreeSet;
use tidepool_protocol::digest::SetSum;
use tidepool_protocol::limits::HEADS_MAX;
use tidepool_protocol::sync::{
    Digest, ENVELOPES_BYTES_MAX, ENVELOPES_MAX, IDS_MAX, PARTS_MAX, Point, Range, SlotRun, SyncAnswer, SyncRequest,
};
use tidepool_protocol::{AuthorId, EnvelopeId, Slot, TimeMs};
use tidepool_views::{Cursor, Envelopes, Overlay, ReadError, index, logs};

/// How many log heads of an author are read to find its newest.
const HEADS_READ_MAX: usize = 4_096;

/// Envelopes of the log that are read at once for a page of it.
const LOG_READ_AT_ONCE: usize = 128;

/// The most envelopes of the log that one request reads, whether they are wanted or not.
const LOG_READ_MAX: usize = 8_192;

/// What the mark of an id that is gone takes in an answer.
pub(super) const MARK_BYTES: usize = 34;

/// Envelopes of an answer as they are gathered, within its bounds.
#[derive(Default)]
struct Gathered {
    envelopes: Vec<Bytes>,
    bytes: usize,
}

impl Gathered {
    /// Takes one; `false` when it does not fit any more.
    fn take(&mut self, envelope: &Bytes, allowed: usize) -> bool {
        // A first one always fits, or nothing would ever move.
        let needed = envelope.len() + 3;
        let fits = self.envelopes.is_empty() || self.bytes + needed <= allowed;
        if !fits || self.envelopes.len() >= ENVELOPES_MAX {
            return false;
        }
        self.bytes += needed;
        self.envelopes.push(envelope.clone());
        true
    }

    fn answer(self, next: Option<Point>) -> SyncAnswer {
        SyncAnswer::Envelopes { envelopes: self.envelopes, next, gone: Vec::new() }
    }
}

impl<S: Store, C: Custody> Node<S, C> {
    /// The answer to a peer's request.
    pub(crate) fn serve(&mut self, request: SyncRequest) -> Result<SyncAnswer, ReadError> {
        match request {
            SyncRequest::Digest(runs) => {
                let digests: Result<Vec<Digest>, ReadError> = runs.iter().map(|run| self.digest_of(run)).collect();
                Ok(SyncAnswer::Digests { digests: digests?, covers: self.cover.horizons().to_vec() })
            }
            SyncRequest::Split { slot, class, range, parts } => {
                let tree = Tree { slot, class };
                self.read(|rows| digest::split(rows, tree, &range, parts.clamp(1, PARTS_MAX))).map(SyncAnswer::Parts)
            }
            SyncRequest::Ids { slot, class, range, limit } => {
                let limit = usize::from(limit).clamp(1, IDS_MAX);
                self.read(|rows| ids(rows, Tree { slot, class }, &range, limit))
            }
            SyncRequest::Fetch(ids) => self.read(|rows| gather_or_mark(rows, &ids)),
            SyncRequest::Range { slot, class, range, bytes } => {
                let allowed = usize::try_from(bytes).unwrap_or(usize::MAX).min(ENVELOPES_BYTES_MAX);
                self.read(|rows| envelopes_of(rows, Tree { slot, class }, &range, allowed))
            }
            SyncRequest::Log { log, from, to } => self.read(|rows| {
                let ids = logs::range(rows, &log, from, to, ENVELOPES_MAX)?;
                gather(rows, &ids)
            }),
            SyncRequest::Identity(authors) => self.chains(&authors),
            SyncRequest::Heads(author) => self.read(|rows| heads(rows, author)),
            SyncRequest::Blob(_) => Ok(SyncAnswer::Blob(None)),
            SyncRequest::Snapshot { of, after, bytes } => {
                let allowed = usize::try_from(bytes).unwrap_or(usize::MAX).min(ENVELOPES_BYTES_MAX);
                self.page_of_log(&Cover::new(of), Cursor(after), allowed)
            }
            SyncRequest::Reconcile { slot, class, range, message } => {
                let points = self.read(|rows| Points::read(rows, Tree { slot, class }, &range))?;
                let answer = points.and_then(|points| points.answer(&message)).unwrap_or_default();
                Ok(SyncAnswer::Reconciled(answer.into()))
            }
        }
    }

    /// Count and fingerprint of a run of slots.
    pub(crate) fn digest_of(&mut self, run: &SlotRun) -> Result<Digest, ReadError> {
        self.sum_of(run).map(|sum| Digest { count: sum.count, fingerprint: sum.fingerprint() })
    }

    /// Sum of a run of slots: from memory, or from each slot's tree where it does not begin at the start.
    pub(crate) fn sum_of(&mut self, run: &SlotRun) -> Result<SetSum, ReadError> {
        let (first, last) = (usize::from(run.first.number()), usize::from(run.last.number()));
        let sums = self.sums.get(first..=last.max(first)).unwrap_or_default();
        let of_slots: Vec<(u16, SetSum)> =
            (run.first.number()..).zip(sums).map(|(slot, sums)| (slot, *sums.class(run.class))).collect();
        let range = Range { from: Point { time_ms: run.from, ..Point::START }, to: None };
        let mut sum = SetSum::default();
        for (slot, whole) in of_slots {
            let of = match Slot::new(slot).filter(|_| run.from > TimeMs(0) && whole.count > 0) {
                None => whole,
                Some(slot) => self.read(|rows| digest::sum(rows, Tree { slot, class: run.class }, &range))?,
            };
            sum.join(&of);
        }
        Ok(sum)
    }

    /// The log from `after` on, as far as it is covered by what is wanted.
    fn page_of_log(&mut self, wanted: &Cover, after: Cursor, allowed: usize) -> Result<SyncAnswer, ReadError> {
        let mut digest = SetSum::default();
        for run in wanted.runs() {
            digest.join(&self.sum_of(&run)?);
        }
        let digest = Digest { count: digest.count, fingerprint: digest.fingerprint() };
        let (gathered, next) = self.read(|rows| log_from(rows, wanted, after, allowed))?;
        Ok(SyncAnswer::Snapshot { envelopes: gathered.envelopes, next: next.map(|next| next.0), digest })
    }

    fn chains(&mut self, authors: &[AuthorId]) -> Result<SyncAnswer, ReadError> {
        let mut gathered = Gathered::default();
        let mut ids = BTreeSet::new();
        for author in authors {
            for (id, bytes) in self.chain_with_home(*author)? {
                if ids.insert(id) && !gathered.take(&bytes, ENVELOPES_BYTES_MAX) {
                    return Ok(gathered.answer(None));
                }
            }
        }
        Ok(gathered.answer(None))
    }
}

fn ids(rows: &Overlay<'_>, tree: Tree, range: &Range, limit: usize) -> Result<SyncAnswer, ReadError> {
    let mut points = Vec::new();
    let mut next = None;
    digest::scan(rows, tree, range, &mut |point| {
        if points.len() == limit {
            next = Some(point);
            return false;
        }
        points.push(point);
        true
    })?;
    Ok(SyncAnswer::Ids { points, next })
}

fn gather(rows: &Overlay<'_>, ids: &[EnvelopeId]) -> Result<SyncAnswer, ReadError> {
    let mut gathered = Gathered::default();
    for id in ids {
        if let Some((entry, stored)) = index::envelope(rows, id)?
            && entry.body
            && !gathered.take(stored.envelope.bytes(), ENVELOPES_BYTES_MAX)
        {
            break;
        }
    }
    Ok(gathered.answer(None))
}

/// The same for ids that this node may have offered: what it does not hold any more is marked.
fn gather_or_mark(rows: &Overlay<'_>, ids: &[EnvelopeId]) -> Result<SyncAnswer, ReadError> {
    let allowed = ENVELOPES_BYTES_MAX.saturating_sub(ids.len() * MARK_BYTES);
    let mut gathered = Gathered::default();
    let mut gone = Vec::new();
    for id in ids {
        match index::envelope(rows, id)? {
            // Without its body nobody takes it.
            Some((entry, _)) if !entry.body => gone.push(*id),
            Some((_, stored)) if !gathered.take(stored.envelope.bytes(), allowed) => break,
            Some(_) => {}
            None => gone.push(*id),
        }
    }
    Ok(SyncAnswer::Envelopes { envelopes: gathered.envelopes, next: None, gone })
}

/// What of the log behind `after` is wanted, and where to go on.
fn log_from(
    rows: &Overlay<'_>,
    wanted: &Cover,
    after: Cursor,
    allowed: usize,
) -> Result<(Gathered, Option<Cursor>), ReadError> {
    let whole = wanted.is_whole();
    let mut gathered = Gathered::default();
    let mut at = after;
    let mut read = 0;
    while read < LOG_READ_MAX {
        let page = rows.stored_after(at, LOG_READ_AT_ONCE)?;
        if page.is_empty() {
            return Ok((gathered, None));
        }
        for stored in page {
            let is_wanted = (whole || wanted.includes(&stored.envelope)) && stored.envelope.body().is_some();
            if is_wanted && !gathered.take(stored.envelope.bytes(), allowed) {
                return Ok((gathered, Some(at)));
            }
            at = stored.cursor;
            read += 1;
        }
    }
    Ok((gathered, Some(at)))
}

fn envelopes_of(rows: &Overlay<'_>, tree: Tree, range: &Range, allowed: usize) -> Result<SyncAnswer, ReadError> {
    let mut gathered = Gathered::default();
    let mut next = None;
    let mut failed = None;
    digest::scan(rows, tree, range, &mut |point| match index::envelope(rows, &point.id) {
        Err(error) => {
            failed = Some(error);
            false
        }
        Ok(None) => true,
        Ok(Some((entry, _))) if !entry.body => true,
        Ok(Some((_, stored))) => {
            let taken = gathered.take(stored.envelope.bytes(), allowed);
            if !taken {
                next = Some(point);
            }
            taken
        }
    })?;
    failed.map_or_else(|| Ok(gathered.answer(next)), Err)
}

fn heads(rows: &Overlay<'_>, author: AuthorId) -> Result<SyncAnswer, ReadError> {
    let mut heads = logs::heads(rows, author, None, HEADS_READ_MAX)?;
    heads.sort_by(|a, b| b.epoch.cmp(&a.epoch).then_with(|| a.cmp(b)));
    let more = heads.len() > HEADS_MAX;
    heads.truncate(HEADS_MAX);
    Ok(SyncAnswer::Heads { heads, more })
}
