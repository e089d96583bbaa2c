//! A session with one peer: compare digests, descend where they differ, fetch what is lacked.
//!
//! Work is a stack, state above content: identities come before what is said by them. A bounded number of requests is
//! under way at a time, and a bounded number of answers under verification.

use super::Cover;
use super::work::Work;
use crate::clock::Steady;
use crate::custody::Custody;
use crate::effect::{Effect, Offence};
use crate::gate::bucket::{Buckets, Rate};
use crate::input::RequestFailure;
use crate::node::{Node, Phase};
use crate::peer::{Peer, RequestId};
use crate::planted::Defect;
use crate::requests::Purpose;
use crate::settings::Limits;
use crate::store::{Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::limits::SLOTS;
use tidepool_protocol::sync::{Class, SlotRun, SyncAnswer, SyncRequest};
use tidepool_protocol::{PublicKey, TimeMs};

/// Requests of one session under way at once: a round trip hides behind the others. The peer answers sixteen.
const REQUESTS_AT_ONCE: usize = 4;

/// Answers with envelopes of one session that are under way or under verification: one that comes, one that waits, one
/// that is verified.
const ANSWERS_AT_ONCE: usize = 3;

/// The most work that a session keeps; beyond, the rest waits for the next session.
pub(super) const WORK_MAX: usize = 8_192;

/// A busy peer is asked again after this.
pub(super) const BUSY_MS: u64 = 500;

/// Envelopes that a session may bring beside those that stand lower at their positions, unless it brings a fourth as many
/// that are held. An honest peer has such only where it did not hear of the lower ones yet, and it learns of them from us
/// meanwhile: the session ends, without blame, and another round finds fewer.
const SURPLUS_MAX: u64 = 1_024;

/// How often a session begins anew because the peer covers something else than it did.
const ROOTS_MAX: u8 = 4;

/// Envelopes of one answer under verification.
#[derive(Debug)]
pub(super) struct Verifying {
    pub(super) class: Class,
    /// Parts that are not written yet.
    pub(super) parts: usize,
    /// How far the peer's log is read when all of it is written.
    pub(super) cursor: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) work: Vec<Work>,
    under_way: BTreeMap<RequestId, Work>,
    pub(super) verifying: BTreeMap<RequestId, Verifying>,
    /// What is compared: what both cover.
    pub(super) cover: Cover,
    roots: u8,
    pub(super) resume: Steady,
    pub(super) progress: Steady,
    pub(super) began: Steady,
    pub(super) differs: bool,
    /// Whether it reads the peer's log: one session of a node does.
    pub(super) reads_log: bool,
    pub(super) log_reads: u8,
    /// Envelopes that were verified in vain: their positions hold two lower ones.
    surplus: u64,
    /// Envelopes that were written.
    written: u64,
}

impl Session {
    fn new(cover: Cover, now: Steady) -> Self {
        Self {
            work: vec![Work::Root(cover.runs())],
            under_way: BTreeMap::new(),
            verifying: BTreeMap::new(),
            cover,
            roots: 1,
            resume: now,
            progress: now,
            began: now,
            differs: false,
            reads_log: false,
            log_reads: 0,
            surplus: 0,
            written: 0,
        }
    }

    /// Whether it goes on with what is held nowhere.
    const fn brings_nothing(&self) -> bool {
        self.surplus > SURPLUS_MAX && self.surplus > 4 * self.written
    }

    /// The next thing to ask, if it is time for one.
    fn next(&mut self, now: Steady) -> Option<Work> {
        if self.resume > now || self.under_way.len() >= REQUESTS_AT_ONCE {
            return None;
        }
        let work = self.work.last()?;
        let bringing = self.under_way.values().filter(|work| work.brings()).count();
        if work.brings() && bringing + self.verifying.len() >= ANSWERS_AT_ONCE {
            return None;
        }
        let state = || {
            self.under_way.values().any(|work| work.class() == Class::State)
                || self.verifying.values().any(|answer| answer.class == Class::State)
        };
        if work.class() == Class::Content && state() {
            return None;
        }
        if work.waits_for_all() && !(self.under_way.is_empty() && self.verifying.is_empty()) {
            return None;
        }
        self.work.pop()
    }

    fn is_over(&self) -> bool {
        self.work.is_empty() && self.under_way.is_empty() && self.verifying.is_empty()
    }

    /// Whether nothing that is under way will move it.
    pub(super) fn is_stalled(&self, now: Steady) -> bool {
        self.under_way.is_empty() && self.verifying.is_empty() && self.resume <= now
    }
}

/// What a session's answer leads to.
pub(super) enum Then {
    /// More to ask, below what is asked already.
    Ask(Vec<Work>),
    /// The answer is none to what was asked.
    Malformed,
    /// The peer contradicts itself, provably.
    Lied(Offence),
    /// Another session does the same: this one begins anew when that is over.
    Later,
}

/// All sessions, and what peers are served.
#[derive(Debug)]
pub(crate) struct Syncing {
    pub(super) sessions: BTreeMap<Peer, Session>,
    pub(super) wanted: BTreeSet<Peer>,
    /// What connected peers said they cover.
    pub(crate) covers: BTreeMap<Peer, Cover>,
    pub(super) next_round: Steady,
    pub(super) last_round: Steady,
    pub(super) dropped: bool,
    requests: Buckets,
    kib: Buckets,
    /// The same of all peers together.
    all_requests: Buckets,
    all_kib: Buckets,
}

/// The one entry of a bucket that is everybody's.
const EVERYBODY: Peer = PublicKey([0; 32]);

impl Syncing {
    pub(crate) const fn new(limits: &Limits) -> Self {
        let requests = Rate { burst: limits.serve_requests_burst, per_s: limits.serve_requests_per_s };
        let kib_per_s = limits.serve_bytes_per_s / 1_024;
        let kib = Rate { burst: kib_per_s.saturating_mul(8), per_s: kib_per_s };
        let all = limits.serve_all_requests_per_s;
        let all_requests = Rate { burst: all.saturating_mul(2), per_s: all };
        let all_kib_per_s = limits.serve_all_bytes_per_s / 1_024;
        let all_kib = Rate { burst: all_kib_per_s.saturating_mul(4), per_s: all_kib_per_s };
        Self {
            sessions: BTreeMap::new(),
            wanted: BTreeSet::new(),
            covers: BTreeMap::new(),
            next_round: Steady(0),
            last_round: Steady(0),
            dropped: false,
            requests: Buckets::new(requests, limits.peers_max),
            kib: Buckets::new(kib, limits.peers_max),
            all_requests: Buckets::new(all_requests, 1),
            all_kib: Buckets::new(all_kib, 1),
        }
    }

    /// Whether any session is under way.
    pub(crate) fn under_way(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// Whether envelopes that sessions brought are being verified: more is about to be written.
    pub(crate) fn is_verifying(&self) -> bool {
        self.sessions.values().any(|session| !session.verifying.is_empty())
    }

    /// How many sessions are under way.
    pub(crate) fn count(&self) -> usize {
        self.sessions.len()
    }

    /// Gossip lost something: digests are compared soon.
    pub(crate) const fn gossip_dropped(&mut self) {
        self.dropped = true;
    }

    /// Whether `peer`'s budget allows `request`.
    pub(crate) fn may_serve(&mut self, peer: Peer, request: &SyncRequest, now: Steady) -> bool {
        let tokens = match request {
            SyncRequest::Digest(runs) => 1 + runs.iter().map(cost).sum::<u32>() / 64,
            SyncRequest::Reconcile { .. } => 4,
            SyncRequest::Split { .. }
            | SyncRequest::Ids { .. }
            | SyncRequest::Fetch(_)
            | SyncRequest::Range { .. }
            | SyncRequest::Log { .. }
            | SyncRequest::Identity(_)
            | SyncRequest::Heads(_)
            | SyncRequest::Blob(_)
            | SyncRequest::Snapshot { .. } => 1,
        };
        self.kib.take(peer, 1, now)
            && self.requests.take(peer, tokens, now)
            && self.all_kib.take(EVERYBODY, 1, now)
            && self.all_requests.take(EVERYBODY, tokens, now)
    }

    /// So many bytes were sent to `peer`.
    pub(crate) fn served(&mut self, peer: Peer, bytes: usize, now: Steady) {
        let kib = u32::try_from(bytes / 1_024).unwrap_or(u32::MAX);
        self.kib.spend(peer, kib, now);
        self.all_kib.spend(EVERYBODY, kib, now);
    }
}

/// What a digest of a run costs, in 64ths of a request: a look at each slot's tree where it does not begin at the start.
fn cost(run: &SlotRun) -> u32 {
    let slots = u32::from(run.last.number().min(SLOTS).saturating_sub(run.first.number())) + 1;
    if run.from > TimeMs(0) { slots * 4 } else { 1 + slots / 64 }
}

impl<S: Store, C: Custody> Node<S, C> {
    /// Compares digests with `peer`, now or when another session ends.
    pub(crate) fn begin_session(&mut self, peer: Peer) -> Result<(), StoreError> {
        if self.phase != Phase::Running || self.syncing.sessions.contains_key(&peer) {
            return Ok(());
        }
        if self.syncing.sessions.len() >= self.settings.limits.sessions_max {
            if self.syncing.wanted.len() < self.settings.limits.peers_max {
                self.syncing.wanted.insert(peer);
            }
            return Ok(());
        }
        let cover = match self.syncing.covers.get(&peer) {
            Some(theirs) => self.cover.both(theirs),
            None => self.cover.clone(),
        };
        self.syncing.sessions.insert(peer, Session::new(cover, self.steady));
        self.counters.sync_begun += 1;
        self.advance(peer)
    }

    /// The same with what is covered now: when a session is under way, again when one ends.
    pub(crate) fn begin_session_anew(&mut self, peer: Peer) -> Result<(), StoreError> {
        if self.syncing.sessions.contains_key(&peer) {
            self.syncing.wanted.insert(peer);
            return Ok(());
        }
        self.begin_session(peer)
    }

    /// The peer is gone, or did not answer.
    pub(crate) fn end_session(&mut self, peer: &Peer) -> Result<(), StoreError> {
        self.syncing.wanted.remove(peer);
        if self.syncing.sessions.remove(peer).is_some() {
            self.counters.sync_failed += 1;
            return self.next_wanted();
        }
        Ok(())
    }

    fn next_wanted(&mut self) -> Result<(), StoreError> {
        while let Some(peer) = self.syncing.wanted.pop_first() {
            if self.connected.contains(&peer) {
                return self.begin_session(peer);
            }
        }
        Ok(())
    }

    /// Sends the next requests, as many as it is time for; ends a session that has nothing left.
    pub(super) fn advance(&mut self, peer: Peer) -> Result<(), StoreError> {
        let crowded =
            self.pending.of(&peer) * self.settings.limits.pending_peer_share * 2 > self.settings.limits.pending_max;
        let now = self.steady;
        loop {
            // Who lets so much wait for identities brings them before anything more.
            let session = self.syncing.sessions.get_mut(&peer).filter(|_| !crowded);
            let Some(work) = session.and_then(|session| session.next(now)) else { break };
            let request = work.request(self.settings.limits.snapshot_page_bytes);
            let id = self.ask(peer, &request, Purpose::Session);
            if let Some(session) = self.syncing.sessions.get_mut(&peer) {
                session.under_way.insert(id, work);
            }
        }
        let Some(session) = self.syncing.sessions.get(&peer).filter(|session| session.is_over()) else {
            return Ok(());
        };
        if !session.differs {
            self.counters.sync_equal += 1;
        }
        self.counters.sync_done += 1;
        self.syncing.sessions.remove(&peer);
        self.next_wanted()
    }

    /// The peer answered a request of its session, or did not.
    pub(crate) fn session_answered(
        &mut self,
        peer: Peer,
        request: RequestId,
        answer: Result<SyncAnswer, RequestFailure>,
    ) -> Result<(), StoreError> {
        let now = self.steady;
        let Some(session) = self.syncing.sessions.get_mut(&peer) else { return Ok(()) };
        let Some(work) = session.under_way.remove(&request) else { return Ok(()) };
        let answer = match answer {
            Ok(answer) => answer,
            Err(RequestFailure::Busy) => {
                session.work.push(work);
                session.resume = now.plus_ms(BUSY_MS);
                return self.set_round_timer();
            }
            Err(
                RequestFailure::Unreachable
                | RequestFailure::Timeout
                | RequestFailure::Protocol
                | RequestFailure::Closed,
            ) => {
                if self.planted.is(Defect::SilentBlocked) {
                    self.out.push(Effect::Block(peer));
                }
                return self.end_session(&peer);
            }
        };
        session.progress = now;
        match self.take_session_answer(peer, request, work, answer)? {
            Then::Ask(more) => {
                if let Some(session) = self.syncing.sessions.get_mut(&peer) {
                    session.differs |= more.iter().any(|work| !matches!(work, Work::Root(_)));
                    session.work.extend(more);
                    session.work.truncate(WORK_MAX);
                }
                self.advance(peer)
            }
            Then::Malformed => {
                self.counters.refuse("sync_malformed");
                self.end_session(&peer)
            }
            Then::Lied(offence) => {
                self.counters.offences += 1;
                self.out.push(Effect::Penalise { peer, offence });
                self.end_session(&peer)
            }
            Then::Later => {
                self.syncing.sessions.remove(&peer);
                self.syncing.wanted.insert(peer);
                Ok(())
            }
        }
    }

    fn take_session_answer(
        &mut self,
        peer: Peer,
        request: RequestId,
        work: Work,
        answer: SyncAnswer,
    ) -> Result<Then, StoreError> {
        Ok(match (work, answer) {
            (Work::Root(runs), SyncAnswer::Digests { digests, covers }) if runs.len() == digests.len() => {
                self.root_came(peer, &runs, &digests, &Cover::new(covers))?
            }
            (Work::Convict(runs), SyncAnswer::Digests { digests, covers }) if runs.len() == digests.len() => {
                self.agree_on_cover(peer, Cover::new(covers)).unwrap_or(Then::Lied(Offence::Contradiction))
            }
            (Work::Runs(runs), SyncAnswer::Digests { digests, .. }) if runs.len() == digests.len() => {
                Then::Ask(self.compare_runs(&runs, &digests)?)
            }
            (Work::Split(tree, range), SyncAnswer::Parts(parts)) => Then::Ask(self.compare_parts(tree, range, &parts)?),
            (Work::Confirm(_, promise), SyncAnswer::Parts(parts)) => Then::Ask(self.confirmed(peer, &promise, &parts)),
            (Work::Reconcile(tree, range, talk), SyncAnswer::Reconciled(message)) => {
                self.reconciled(tree, range, &talk, &message)?
            }
            (Work::Ids(tree, range), SyncAnswer::Ids { points, next }) => {
                Then::Ask(self.lacking(tree, range, &points, next)?)
            }
            (Work::Page(tree, range, promise), SyncAnswer::Envelopes { envelopes, next, .. }) => {
                self.page_came((peer, request), (tree, range, promise), envelopes, next)?
            }
            (Work::Fetch(class, ids), SyncAnswer::Envelopes { envelopes, gone, .. }) => {
                self.fetched((peer, request), class, &ids, envelopes, &gone)?
            }
            (Work::Snapshot(snapshot), SyncAnswer::Snapshot { envelopes, next, digest }) => {
                self.snapshot_came((peer, request), snapshot, envelopes, next, digest)?
            }
            // Another answer than was asked for.
            (
                Work::Root(_)
                | Work::Runs(_)
                | Work::Split(..)
                | Work::Confirm(..)
                | Work::Convict(_)
                | Work::Reconcile(..)
                | Work::Ids(..)
                | Work::Page(..)
                | Work::Fetch(..)
                | Work::Snapshot(_),
                _,
            ) => Then::Malformed,
        })
    }

    /// Whether what the session compares is what both cover, as the peer says now; if not, it begins anew.
    pub(super) fn agree_on_cover(&mut self, peer: Peer, theirs: Cover) -> Option<Then> {
        let common = if self.planted.is(Defect::HorizonDeaf) { self.cover.clone() } else { self.cover.both(&theirs) };
        self.syncing.covers.insert(peer, theirs);
        let session = self.syncing.sessions.get_mut(&peer)?;
        if session.cover == common {
            return None;
        }
        session.cover = common.clone();
        session.roots += 1;
        Some(if session.roots > ROOTS_MAX { Then::Malformed } else { Then::Ask(vec![Work::Root(common.runs())]) })
    }

    /// What is asked of a peer that seems to lie: one that began to prune meanwhile has said so before it did.
    pub(super) fn convict(&self, peer: &Peer) -> Vec<Work> {
        self.syncing.sessions.get(peer).map(|session| Work::Convict(session.cover.runs())).into_iter().collect()
    }

    /// A part of the envelopes of an answer is written.
    pub(crate) fn session_verified(
        &mut self,
        peer: Peer,
        request: RequestId,
        (written, surplus): (u64, u64),
    ) -> Result<(), StoreError> {
        let now = self.steady;
        if let Some(session) = self.syncing.sessions.get_mut(&peer) {
            session.progress = now;
            session.written += written;
            session.surplus += surplus;
            if session.brings_nothing() {
                return self.end_session(&peer);
            }
            let done = session.verifying.get_mut(&request).is_some_and(|answer| {
                answer.parts = answer.parts.saturating_sub(1);
                answer.parts == 0
            });
            if done {
                self.answer_written(peer, request);
            }
        }
        self.advance(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Coverage;
    use tidepool_protocol::NetworkGenesis;

    #[test]
    fn a_session_ends_when_it_brings_much_and_nearly_nothing_of_it_is_held() {
        let cover = Cover::of(&Coverage::Archive, &NetworkGenesis::development());
        for (written, surplus, ends) in [
            (0, SURPLUS_MAX, false),
            (0, SURPLUS_MAX + 1, true),
            (256, SURPLUS_MAX, false),
            (257, 4 * 257, false),
            (257, 4 * 257 + 1, true),
            (1_000_000, SURPLUS_MAX + 1, false),
        ] {
            let session = Session { written, surplus, ..Session::new(cover.clone(), Steady(0)) };
            assert_eq!(session.brings_nothing(), ends, "{written} written, {surplus} not held");
        }
    }
}
