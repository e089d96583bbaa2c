//! Comparing: digests of runs, of slots, of parts of a slot, until what differs is small enough to be named.

use super::Cover;
use super::reconcile::{Points, bound};
use super::session::Then;
use super::work::{IDS_AT_ONCE, Promise, RECONCILE_ROUNDS_MAX, Snapshot, Talk, Work};
use crate::custody::Custody;
use crate::digest::{self, Tree};
use crate::node::Node;
use crate::peer::Peer;
use crate::planted::Defect;
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;
use tidepool_protocol::digest::SetSum;
use tidepool_protocol::sync::{Class, DIGESTS_MAX, Digest, Part, Point, RECONCILE_POINTS_MAX, Range, SlotRun};
use tidepool_protocol::{EnvelopeId, Slot, TimeMs};
use tidepool_views::{ReadError, index};

/// The width of a group of slots, the level between a whole run and single slots.
const GROUP: u16 = 64;

/// Envelopes that one request fetches by id.
const FETCH_AT_ONCE: usize = 1_024;

/// A peer's log is read from its start where it holds so many times what this node does: with less, too much of what comes
/// is here already.
const SNAPSHOT_TIMES: u64 = 4;

/// How often one session reads the peer's log to its end, when that moves on meanwhile.
const LOG_READS_MAX: u8 = 4;

impl<S: Store, C: Custody> Node<S, C> {
    /// The digests of all that both cover.
    pub(super) fn root_came(
        &mut self,
        peer: Peer,
        runs: &[SlotRun],
        digests: &[Digest],
        theirs: &Cover,
    ) -> Result<Then, StoreError> {
        if let Some(again) = self.agree_on_cover(peer, theirs.clone()) {
            return Ok(again);
        }
        let mut ours = 0;
        for run in runs {
            ours += self.sum_of(run)?.count;
        }
        let theirs = digests.iter().map(|digest| digest.count).fold(0_u64, u64::saturating_add);
        let lacked = theirs.saturating_sub(ours);
        let cursor = self.cursor_at(&peer)?;
        if lacked < self.settings.limits.snapshot_min {
            if cursor.is_some() {
                self.set_cursor(peer, None);
            }
        } else if cursor.is_some() || ours.saturating_mul(SNAPSHOT_TIMES) <= theirs {
            return self.read_log(peer, cursor.unwrap_or(0), (runs, digests));
        }
        Ok(Then::Ask(self.compare_runs(runs, digests)?))
    }

    /// Reads the peer's log, unless another session does that already, or this one did it often enough.
    fn read_log(
        &mut self,
        peer: Peer,
        after: u64,
        (runs, digests): (&[SlotRun], &[Digest]),
    ) -> Result<Then, StoreError> {
        if self.syncing.sessions.iter().any(|(other, session)| *other != peer && session.reads_log) {
            return Ok(Then::Later);
        }
        let Some(session) = self.syncing.sessions.get_mut(&peer) else { return Ok(Then::Ask(Vec::new())) };
        if session.log_reads >= LOG_READS_MAX {
            return Ok(Then::Ask(self.compare_runs(runs, digests)?));
        }
        session.log_reads += 1;
        session.reads_log = true;
        let of = session.cover.horizons().to_vec();
        Ok(Then::Ask(vec![Work::Snapshot(Snapshot { of, after, promised: None, came: SetSum::default() })]))
    }

    /// The work where digests of runs differ: content below state.
    pub(super) fn compare_runs(&mut self, runs: &[SlotRun], digests: &[Digest]) -> Result<Vec<Work>, ReadError> {
        let mut finer: BTreeMap<Class, Vec<SlotRun>> = BTreeMap::new();
        let mut of_slots: Vec<(Tree, Work)> = Vec::new();
        for (run, theirs) in runs.iter().zip(digests) {
            let ours = self.digest_of(run)?;
            let by_count = self.planted.is(Defect::CountsOnly) && ours.count == theirs.count;
            if ours == *theirs || by_count {
                if !self.planted.is(Defect::OutboxForEver) {
                    let gone = self.outgoing.covered(run);
                    self.turn.write_all_lazily(gone);
                }
                continue;
            }
            if theirs.count == 0 {
                continue;
            }
            if run.first == run.last {
                let tree = Tree { slot: run.first, class: run.class };
                of_slots.push((tree, self.refine(tree, since(run.from), *theirs)?));
            } else {
                finer.entry(run.class).or_default().extend(cut(run));
            }
        }
        let mut work = Vec::new();
        for class in [Class::Content, Class::State] {
            let runs = finer.remove(&class).unwrap_or_default();
            work.extend(runs.chunks(DIGESTS_MAX).map(|runs| Work::Runs(runs.to_vec())));
            work.extend(of_slots.iter().filter(|(tree, _)| tree.class == class).map(|(_, work)| work.clone()));
        }
        Ok(work)
    }

    /// How a range that differs is looked into, by what both sides have.
    fn refine(&mut self, tree: Tree, range: Range, theirs: Digest) -> Result<Work, ReadError> {
        let ours = self.read(|rows| digest::sum(rows, tree, &range))?.count;
        if ours == 0 {
            return Ok(Work::Page(tree, range, Promise::new(range, theirs)));
        }
        if theirs.count <= u64::from(IDS_AT_ONCE) {
            return Ok(Work::Ids(tree, range));
        }
        let small = ours.max(theirs.count) <= RECONCILE_POINTS_MAX;
        let reconcile = if small { self.reconcile(tree, range)? } else { None };
        Ok(reconcile.unwrap_or(Work::Split(tree, range)))
    }

    fn reconcile(&mut self, tree: Tree, range: Range) -> Result<Option<Work>, ReadError> {
        let points = self.read(|rows| Points::read(rows, tree, &range))?;
        Ok(points.and_then(|points| Work::reconcile(tree, range, &points)))
    }

    pub(super) fn compare_parts(&mut self, tree: Tree, range: Range, parts: &[Part]) -> Result<Vec<Work>, ReadError> {
        let mut work = Vec::new();
        let mut from = range.from;
        for part in parts {
            let within = Range { from, to: part.to.or(range.to) };
            // Parts ascend and stay within what was asked; what does not is not followed.
            let beyond = part.to.is_some_and(|to| to <= from || range.to.is_some_and(|end| to > end));
            if beyond {
                break;
            }
            let ours = self.read(|rows| digest::sum(rows, tree, &within))?;
            let theirs = Digest { count: part.count, fingerprint: part.fingerprint };
            if ours.count == part.count && ours.fingerprint() == part.fingerprint {
                let gone = self.outgoing.covered_range(tree, &within);
                self.turn.write_all_lazily(gone);
            } else if part.count > 0 {
                let finer = self.refine(tree, within, theirs)?;
                // A peer that does not cut what it is asked to cut would be asked for ever.
                if within != range || !matches!(finer, Work::Split(..)) {
                    work.push(finer);
                }
            }
            match part.to {
                Some(to) => from = to,
                None => break,
            }
        }
        Ok(work)
    }

    /// The peer's answer to a message of negentropy.
    pub(super) fn reconciled(
        &mut self,
        tree: Tree,
        range: Range,
        talk: &Talk,
        message: &[u8],
    ) -> Result<Then, StoreError> {
        if message.is_empty() {
            // The range grew beyond what the peer reads at once.
            return Ok(Then::Ask(vec![Work::Split(tree, range)]));
        }
        let Some(points) = self.read(|rows| Points::read(rows, tree, &range))? else {
            return Ok(Then::Ask(vec![Work::Split(tree, range)]));
        };
        let Some(step) = points.go_on(message) else { return Ok(Then::Malformed) };
        let mut work = Vec::new();
        match step.next {
            Some(next) if talk.round < RECONCILE_ROUNDS_MAX => {
                work.push(Work::Reconcile(tree, range, Talk { message: next.into(), round: talk.round + 1 }));
            }
            Some(next) => {
                // The bound is kept, and what lies behind it begins anew. Without a bound that moved it is left.
                let reached = bound(&next).filter(|bound| *bound > range.from && range.contains(bound));
                if let Some(from) = reached {
                    work.extend(self.reconcile(tree, Range { from, ..range })?);
                }
            }
            None => {}
        }
        let found = step.need.len() - usize::from(self.planted.is(Defect::LastNeedForgotten) && !step.need.is_empty());
        work.extend(self.fetches(tree.class, &step.need[..found])?);
        Ok(Then::Ask(work))
    }

    /// What of a peer's list this node lacks.
    pub(super) fn lacking(
        &mut self,
        tree: Tree,
        range: Range,
        points: &[Point],
        next: Option<Point>,
    ) -> Result<Vec<Work>, ReadError> {
        let mut work = Vec::new();
        if let Some(next) = next.filter(|next| *next > range.from && range.contains(next)) {
            work.push(Work::Ids(tree, Range { from: next, ..range }));
        }
        let ids: Vec<EnvelopeId> = points.iter().map(|point| point.id).collect();
        work.extend(self.fetches(tree.class, &ids)?);
        Ok(work)
    }

    /// Requests for those of `ids` that this node does not have.
    fn fetches(&mut self, class: Class, ids: &[EnvelopeId]) -> Result<Vec<Work>, ReadError> {
        let mut lacked = Vec::new();
        for id in ids {
            if self.read(|rows| index::get(rows, id))?.is_none() {
                lacked.push(*id);
            }
        }
        Ok(lacked.chunks(FETCH_AT_ONCE).map(|ids| Work::Fetch(class, ids.to_vec())).collect())
    }

    /// The digest of a range of which less came than was promised, once more: unchanged, it convicts the peer.
    pub(super) fn confirmed(&self, peer: Peer, promise: &Promise, parts: &[Part]) -> Vec<Work> {
        match parts {
            [part] if (part.count, part.fingerprint) == (promise.digest.count, promise.digest.fingerprint) => {
                self.convict(&peer)
            }
            _ => Vec::new(),
        }
    }
}

/// Everything from a time on.
fn since(from: TimeMs) -> Range {
    Range { from: Point { time_ms: from, ..Point::START }, to: None }
}

/// A run cut into what is compared next: groups of slots, then single slots.
fn cut(run: &SlotRun) -> Vec<SlotRun> {
    let (first, last) = (run.first.number(), run.last.number());
    let width = if last - first >= GROUP { GROUP } else { 1 };
    let part = |first: u16| {
        let last = last.min(first + (width - 1));
        Some(SlotRun { first: Slot::new(first)?, last: Slot::new(last)?, ..*run })
    };
    // The last slot first: `ctl`, whose operations the others need.
    (first..=last).step_by(usize::from(width)).filter_map(part).collect()
}
