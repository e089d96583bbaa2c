//! Bringing what is lacked: pages of a range, envelopes by their ids, a peer's log in its order.
//!
//! Envelopes of one answer are verified in parts, so that the threads that verify, the kernel that folds and the peer
//! that sends are at work at the same time, and no step of the kernel takes long.

use super::cursors;
use super::serve::MARK_BYTES;
use super::session::{Then, Verifying};
use super::work::{Promise, Snapshot, Work};
use crate::custody::Custody;
use crate::digest::Tree;
use crate::effect::Offence;
use crate::gate::verifier::Lane;
use crate::gate::{Job, peek};
use crate::node::Node;
use crate::peer::{Peer, RequestId};
use crate::planted::Defect;
use crate::requests::Purpose;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::collections::BTreeSet;
use tidepool_protocol::EnvelopeId;
use tidepool_protocol::limits::ENVELOPE_BYTES_MAX;
use tidepool_protocol::sync::{Class, Digest, ENVELOPES_BYTES_MAX, ENVELOPES_MAX, Point, Range};
use tidepool_views::{ReadError, index};

/// Envelopes of one answer that are verified together.
const PART: usize = 128;

/// An answer is full when the longest envelope would not fit any more, beside a mark for each id that was asked for.
const FULL_BYTES: usize = ENVELOPES_BYTES_MAX - ENVELOPE_BYTES_MAX - 3;

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn page_came(
        &mut self,
        from: (Peer, RequestId),
        (tree, range, mut promise): (Tree, Range, Promise),
        envelopes: Vec<Bytes>,
        next: Option<Point>,
    ) -> Result<Then, StoreError> {
        envelopes.iter().filter_map(|bytes| peek::id(bytes)).for_each(|id| promise.came.add(&id));
        self.verify_for_session(from, tree.class, envelopes, None)?;
        let next = next.filter(|next| *next > range.from && range.contains(next));
        Ok(Then::Ask(match next {
            Some(next) => vec![Work::Page(tree, Range { from: next, ..range }, promise)],
            None if promise.is_short() => vec![Work::Confirm(tree, promise)],
            None => Vec::new(),
        }))
    }

    /// Envelopes that the peer offered. What is neither served nor marked as gone, although there was room, it never had.
    pub(super) fn fetched(
        &mut self,
        from: (Peer, RequestId),
        class: Class,
        ids: &[EnvelopeId],
        envelopes: Vec<Bytes>,
        gone: &[EnvelopeId],
    ) -> Result<Then, StoreError> {
        let asked: BTreeSet<EnvelopeId> = ids.iter().copied().collect();
        let mut left = asked.clone();
        let mut bytes = 0;
        for envelope in &envelopes {
            bytes += envelope.len() + 3;
            match peek::id(envelope) {
                Some(id) if asked.contains(&id) => left.remove(&id),
                Some(_) | None => return Ok(Then::Malformed),
            };
        }
        let full = bytes + ids.len() * MARK_BYTES > FULL_BYTES || envelopes.len() >= ENVELOPES_MAX;
        let marked = gone.iter().filter(|id| left.remove(id)).count();
        self.counters.offered_gone += u64::try_from(marked).unwrap_or(0);
        self.verify_for_session(from, class, envelopes, None)?;
        if left.is_empty() {
            return Ok(Then::Ask(Vec::new()));
        }
        if !full {
            return Ok(Then::Lied(Offence::Withheld));
        }
        let left: Vec<EnvelopeId> = ids.iter().filter(|id| left.contains(id)).copied().collect();
        Ok(Then::Ask(vec![Work::Fetch(class, left)]))
    }

    /// A page of the peer's log.
    pub(super) fn snapshot_came(
        &mut self,
        from: (Peer, RequestId),
        mut snapshot: Snapshot,
        envelopes: Vec<Bytes>,
        next: Option<u64>,
        digest: Digest,
    ) -> Result<Then, StoreError> {
        if next.is_some_and(|next| next <= snapshot.after) {
            return Ok(Then::Malformed);
        }
        if snapshot.after == 0 || (snapshot.promised.is_none() && self.planted.is(Defect::CursorIsStart)) {
            snapshot.promised = Some(digest);
        }
        envelopes.iter().filter_map(|bytes| peek::id(bytes)).for_each(|id| snapshot.came.add(&id));
        self.verify_for_session(from, Class::Content, envelopes, next)?;
        if let Some(next) = next {
            snapshot.after = next;
            return Ok(Then::Ask(vec![Work::Snapshot(snapshot)]));
        }
        // A set that was the same at the end as at the start was the same in between.
        let same = snapshot.promised == Some(digest);
        let Some(session) = self.syncing.sessions.get_mut(&from.0) else { return Ok(Then::Ask(Vec::new())) };
        session.reads_log = false;
        let runs = session.cover.runs();
        let short = same && snapshot.came.count < digest.count;
        // What came to the peer meanwhile, and whether it kept its word, the digests say.
        Ok(Then::Ask(vec![if short { Work::Convict(runs) } else { Work::Root(runs) }]))
    }

    /// Sends what of an answer is not held to be verified, in parts.
    fn verify_for_session(
        &mut self,
        (peer, request): (Peer, RequestId),
        class: Class,
        envelopes: Vec<Bytes>,
        cursor: Option<u64>,
    ) -> Result<(), ReadError> {
        let mut unknown = Vec::with_capacity(envelopes.len());
        for bytes in envelopes {
            let held = match peek::id(&bytes) {
                Some(id) => self.read(|rows| index::get(rows, &id))?.is_some(),
                None => false,
            };
            if held {
                self.counters.duplicates += 1;
            } else {
                // A copy, or one envelope that waits or is stored would hold its whole frame in memory.
                unknown.push(Bytes::copy_from_slice(&bytes));
            }
        }
        let mut parts = 0;
        for part in unknown.chunks(PART) {
            parts += 1;
            let ticket = self.numbers.ticket();
            self.gate.verifier.push(Lane::Answer, ticket, part.to_vec());
            self.gate.jobs.insert(ticket, Job::Answer { from: peer, request, purpose: Purpose::Session });
        }
        if let Some(session) = self.syncing.sessions.get_mut(&peer) {
            session.verifying.insert(request, Verifying { class, parts, cursor });
        }
        if parts == 0 {
            self.answer_written(peer, request);
        }
        self.verify_next();
        Ok(())
    }

    /// All envelopes of an answer are written, or wait for an identity. A cursor is noted once all that lies before it is
    /// written: in the batch of the last of it, or a later one.
    pub(super) fn answer_written(&mut self, peer: Peer, request: RequestId) {
        let Some(session) = self.syncing.sessions.get_mut(&peer) else { return };
        let Some(Verifying { cursor: Some(cursor), .. }) = session.verifying.remove(&request) else { return };
        match session.verifying.range_mut(..request).next_back() {
            Some((_, before)) => before.cursor = before.cursor.max(Some(cursor)),
            None => self.set_cursor(peer, Some(cursor)),
        }
    }

    pub(super) fn set_cursor(&mut self, peer: Peer, cursor: Option<u64>) {
        self.turn.write_lazily(cursors::row(&peer, cursor, self.now));
    }

    /// How far `peer`'s log was read before.
    pub(super) fn cursor_at(&self, peer: &Peer) -> Result<Option<u64>, ReadError> {
        let row = self.store.get(&cursors::key(peer))?;
        Ok(row.and_then(|value| cursors::read(&cursors::key(peer), &value)).map(|read| read.cursor))
    }

    /// Forgets the oldest cursors, where there are more than may be.
    pub(crate) fn forget_cursors(&mut self) -> Result<(), ReadError> {
        let mut all = cursors::all(&self.store)?;
        all.sort_by_key(|read| std::cmp::Reverse(read.at));
        for read in all.iter().skip(cursors::CURSORS_MAX) {
            self.turn.write_lazily(cursors::row(&read.peer, None, self.now));
        }
        Ok(())
    }
}
