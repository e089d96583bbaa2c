//! Serving what peers ask for: bounded answers, read through the open batch, spoken when it is durable.

use crate::custody::Custody;
use crate::digest::{self, Sums, Tree};
use crate::node::Node;
use crate::store::Store;
use bytes::Bytes;
use std::collections::BTreeSet;
use tidepool_protocol::limits::HEADS_MAX;
use tidepool_protocol::sync::{
    Digest, ENVELOPES_BYTES_MAX, ENVELOPES_MAX, IDS_MAX, PARTS_MAX, Point, Range, SlotRun, SyncAnswer, SyncRequest,
};
use tidepool_protocol::{AuthorId, EnvelopeId};
use tidepool_views::{Overlay, ReadError, index, logs};

/// How many log heads of an author are read to find its newest.
const HEADS_READ_MAX: usize = 4_096;

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
        SyncAnswer::Envelopes { envelopes: self.envelopes, next }
    }
}

impl<S: Store, C: Custody> Node<S, C> {
    /// The answer to a peer's request.
    pub(crate) fn serve(&mut self, request: SyncRequest) -> Result<SyncAnswer, ReadError> {
        match request {
            SyncRequest::Digest(runs) => Ok(SyncAnswer::Digests(runs.iter().map(|run| self.digest_of(run)).collect())),
            SyncRequest::Split { slot, class, range, parts } => {
                let tree = Tree { slot, class };
                self.read(|rows| digest::split(rows, tree, &range, parts.clamp(1, PARTS_MAX))).map(SyncAnswer::Parts)
            }
            SyncRequest::Ids { slot, class, range, limit } => {
                let limit = usize::from(limit).clamp(1, IDS_MAX);
                self.read(|rows| ids(rows, Tree { slot, class }, &range, limit))
            }
            SyncRequest::Fetch(ids) => self.read(|rows| gather(rows, &ids)),
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
        }
    }

    /// Count and fingerprint of a run of slots, from memory.
    pub(crate) fn digest_of(&self, run: &SlotRun) -> Digest {
        let sum = *self.sums_of(run).class(run.class);
        Digest { count: sum.count, fingerprint: sum.fingerprint() }
    }

    fn sums_of(&self, run: &SlotRun) -> Sums {
        let mut sums = Sums::default();
        let slots = usize::from(run.first.number())..=usize::from(run.last.number());
        for of in self.sums.get(slots).unwrap_or_default() {
            sums.join(of);
        }
        sums
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
        if let Some((_, stored)) = index::envelope(rows, id)?
            && !gathered.take(stored.envelope.bytes(), ENVELOPES_BYTES_MAX)
        {
            break;
        }
    }
    Ok(gathered.answer(None))
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
