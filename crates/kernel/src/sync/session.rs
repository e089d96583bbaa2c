//! A session with one peer: compare digests, descend where they differ, fetch what is lacked.
//!
//! Work is a stack, state above content: identities come before what is said by them. One request is under way at a
//! time; the next is sent while the envelopes of the one before are verified.

use crate::custody::Custody;
use crate::digest::{self, Tree};
use crate::gate::bucket::{Buckets, Rate};
use crate::gate::peek;
use crate::input::{RequestFailure, Timer};
use crate::node::{Node, Phase};
use crate::peer::{Peer, RequestId};
use crate::requests::Purpose;
use crate::settings::Limits;
use crate::store::{Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::limits::SLOTS;
use tidepool_protocol::sync::{
    Class, DIGESTS_MAX, Digest, ENVELOPES_BYTES_MAX, PARTS_MAX, Part, Point, Range, SlotRun, SyncAnswer, SyncRequest,
};
use tidepool_protocol::{EnvelopeId, Slot, TimeMs};
use tidepool_views::{ReadError, index};

/// Ranges of no more than this at the peer are listed by id: 11 KB tell what lacks.
const IDS_AT_ONCE: u16 = 256;

/// Envelopes that one request fetches by id.
const FETCH_AT_ONCE: usize = 1_024;

/// The width of a group of slots, the level between a whole run and single slots.
const GROUP: u16 = 64;

/// Answers of one session under verification at once.
const VERIFYING_MAX: usize = 2;

/// The most work that a session keeps; beyond, the rest waits for the next session.
const WORK_MAX: usize = 8_192;

/// The least time between two rounds that gossip's drops cause.
const DROP_ROUND_MS: u64 = 1_000;

/// A busy peer is asked again after this.
const BUSY_MS: u64 = 500;

/// A session ends after this whatever it brings, so that a peer whose lists never end holds no place for ever. What it
/// brought stays, and the next one goes on from there.
const SESSION_MS_MAX: u64 = 15 * 60 * 1_000;

/// Peers of one round.
const ROUND_PEERS: usize = 2;

/// One thing to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    Runs(Vec<SlotRun>),
    Split(Tree, Range),
    Ids(Tree, Range),
    Page(Tree, Range),
    Fetch(Vec<EnvelopeId>),
}

impl Work {
    fn request(&self) -> SyncRequest {
        match self {
            Self::Runs(runs) => SyncRequest::Digest(runs.clone()),
            Self::Split(Tree { slot, class }, range) => {
                SyncRequest::Split { slot: *slot, class: *class, range: *range, parts: PARTS_MAX }
            }
            Self::Ids(Tree { slot, class }, range) => {
                SyncRequest::Ids { slot: *slot, class: *class, range: *range, limit: IDS_AT_ONCE }
            }
            Self::Page(Tree { slot, class }, range) => {
                let bytes = u32::try_from(ENVELOPES_BYTES_MAX).unwrap_or(u32::MAX);
                SyncRequest::Range { slot: *slot, class: *class, range: *range, bytes }
            }
            Self::Fetch(ids) => SyncRequest::Fetch(ids.clone()),
        }
    }
}

#[derive(Debug)]
struct Session {
    work: Vec<Work>,
    under_way: Option<(RequestId, Work)>,
    verifying: usize,
    resume: TimeMs,
    progress: TimeMs,
    began: TimeMs,
    differs: bool,
}

/// All sessions, and what peers are served.
#[derive(Debug)]
pub(crate) struct Syncing {
    sessions: BTreeMap<Peer, Session>,
    wanted: BTreeSet<Peer>,
    next_round: TimeMs,
    last_round: TimeMs,
    dropped: bool,
    requests: Buckets,
    kib: Buckets,
}

impl Syncing {
    pub(crate) const fn new(limits: &Limits) -> Self {
        let requests = Rate { burst: limits.serve_requests_burst, per_s: limits.serve_requests_per_s };
        let kib_per_s = limits.serve_bytes_per_s / 1_024;
        let kib = Rate { burst: kib_per_s.saturating_mul(8), per_s: kib_per_s };
        Self {
            sessions: BTreeMap::new(),
            wanted: BTreeSet::new(),
            next_round: TimeMs(0),
            last_round: TimeMs(0),
            dropped: false,
            requests: Buckets::new(requests, limits.peers_max),
            kib: Buckets::new(kib, limits.peers_max),
        }
    }

    /// Gossip lost something: digests are compared soon.
    pub(crate) const fn gossip_dropped(&mut self) {
        self.dropped = true;
    }

    /// Whether `peer`'s budget allows `request`.
    pub(crate) fn may_serve(&mut self, peer: Peer, request: &SyncRequest, now: TimeMs) -> bool {
        let tokens = match request {
            SyncRequest::Digest(runs) => 1 + u32::try_from(runs.len() / GROUP as usize).unwrap_or(u32::MAX),
            SyncRequest::Split { .. }
            | SyncRequest::Ids { .. }
            | SyncRequest::Fetch(_)
            | SyncRequest::Range { .. }
            | SyncRequest::Log { .. }
            | SyncRequest::Identity(_)
            | SyncRequest::Heads(_)
            | SyncRequest::Blob(_) => 1,
        };
        self.kib.take(peer, 1, now) && self.requests.take(peer, tokens, now)
    }

    /// So many bytes were sent to `peer`.
    pub(crate) fn served(&mut self, peer: Peer, bytes: usize, now: TimeMs) {
        self.kib.spend(peer, u32::try_from(bytes / 1_024).unwrap_or(u32::MAX), now);
    }
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
        let runs = self.settings.coverage.runs(self.rules.genesis());
        let both = |class| runs.iter().map(move |(first, last)| SlotRun { first: *first, last: *last, class });
        let work: Vec<SlotRun> = both(Class::State).chain(both(Class::Content)).collect();
        let session = Session {
            work: work.chunks(DIGESTS_MAX).rev().map(|runs| Work::Runs(runs.to_vec())).collect(),
            under_way: None,
            verifying: 0,
            resume: self.now,
            progress: self.now,
            began: self.now,
            differs: false,
        };
        self.syncing.sessions.insert(peer, session);
        self.counters.sync_begun += 1;
        self.advance(peer)
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

    /// Sends the next request, if it is time for one; ends a session that has nothing left.
    fn advance(&mut self, peer: Peer) -> Result<(), StoreError> {
        let crowded =
            self.pending.of(&peer) * self.settings.limits.pending_peer_share * 2 > self.settings.limits.pending_max;
        let now = self.now;
        let Some(session) = self.syncing.sessions.get_mut(&peer) else { return Ok(()) };
        if session.under_way.is_some() || session.verifying >= VERIFYING_MAX || session.resume > now || crowded {
            return Ok(());
        }
        if let Some(work) = session.work.pop() {
            let request = work.request();
            let id = self.ask(peer, &request, Purpose::Session);
            if let Some(session) = self.syncing.sessions.get_mut(&peer) {
                session.under_way = Some((id, work));
            }
            return Ok(());
        }
        if session.verifying > 0 {
            return Ok(());
        }
        if !session.differs {
            self.counters.sync_equal += 1;
        }
        self.counters.sync_done += 1;
        self.syncing.sessions.remove(&peer);
        self.next_wanted()
    }

    /// The peer answered the request under way, or did not.
    pub(crate) fn session_answered(
        &mut self,
        peer: Peer,
        request: RequestId,
        answer: Result<SyncAnswer, RequestFailure>,
    ) -> Result<(), StoreError> {
        let now = self.now;
        let Some(session) = self.syncing.sessions.get_mut(&peer) else { return Ok(()) };
        let Some((_, work)) = session.under_way.take_if(|(id, _)| *id == request) else { return Ok(()) };
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
            ) => return self.end_session(&peer),
        };
        session.progress = now;
        let more = match (work, answer) {
            (Work::Runs(runs), SyncAnswer::Digests(digests)) if runs.len() == digests.len() => {
                self.compare_runs(&runs, &digests)?
            }
            (Work::Split(tree, range), SyncAnswer::Parts(parts)) => self.compare_parts(tree, range, &parts)?,
            (Work::Ids(tree, range), SyncAnswer::Ids { points, next }) => self.lacking(tree, range, &points, next)?,
            (Work::Page(tree, range), answer @ SyncAnswer::Envelopes { .. }) => {
                self.page_came(peer, request, tree, range, answer)
            }
            (Work::Fetch(ids), answer @ SyncAnswer::Envelopes { .. }) => self.fetched(peer, request, &ids, answer),
            // Another answer than was asked for.
            (Work::Runs(_) | Work::Split(..) | Work::Ids(..) | Work::Page(..) | Work::Fetch(_), _) => {
                self.counters.refuse("sync_malformed");
                return self.end_session(&peer);
            }
        };
        if let Some(session) = self.syncing.sessions.get_mut(&peer) {
            session.differs |= !more.is_empty();
            session.work.extend(more);
            session.work.truncate(WORK_MAX);
        }
        self.advance(peer)
    }

    /// The work where digests of runs differ: content below state.
    fn compare_runs(&mut self, runs: &[SlotRun], digests: &[Digest]) -> Result<Vec<Work>, ReadError> {
        let mut finer: BTreeMap<Class, Vec<SlotRun>> = BTreeMap::new();
        let mut of_slots: Vec<(Tree, Work)> = Vec::new();
        let mut equal = true;
        for (run, theirs) in runs.iter().zip(digests) {
            let ours = self.digest_of(run);
            let single = run.first == run.last;
            let tree = Tree { slot: run.first, class: run.class };
            if ours == *theirs {
                if single {
                    let gone = self.outgoing.covered(Some(tree), &Range::ALL);
                    self.turn.write_all_lazily(gone);
                }
                continue;
            }
            equal = false;
            if theirs.count == 0 {
                continue;
            }
            if single {
                of_slots.push((tree, self.refine(tree, Range::ALL, theirs.count)?));
            } else {
                finer.entry(run.class).or_default().extend(cut(run));
            }
        }
        let whole = runs.iter().any(|run| run.first.number() == 0 && run.last.number() == SLOTS);
        if equal && whole {
            let gone = self.outgoing.covered(None, &Range::ALL);
            self.turn.write_all_lazily(gone);
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
    fn refine(&mut self, tree: Tree, range: Range, theirs: u64) -> Result<Work, ReadError> {
        let ours = self.read(|rows| digest::sum(rows, tree, &range))?.count;
        Ok(if ours == 0 {
            Work::Page(tree, range)
        } else if theirs <= u64::from(IDS_AT_ONCE) {
            Work::Ids(tree, range)
        } else {
            Work::Split(tree, range)
        })
    }

    fn compare_parts(&mut self, tree: Tree, range: Range, parts: &[Part]) -> Result<Vec<Work>, ReadError> {
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
            if ours.count == part.count && ours.fingerprint() == part.fingerprint {
                let gone = self.outgoing.covered(Some(tree), &within);
                self.turn.write_all_lazily(gone);
            } else if part.count > 0 && (within != range || part.count <= u64::from(IDS_AT_ONCE)) {
                work.push(self.refine(tree, within, part.count)?);
            }
            match part.to {
                Some(to) => from = to,
                None => break,
            }
        }
        Ok(work)
    }

    /// What of a peer's list this node lacks.
    fn lacking(
        &mut self,
        tree: Tree,
        range: Range,
        points: &[Point],
        next: Option<Point>,
    ) -> Result<Vec<Work>, ReadError> {
        let mut ids = Vec::new();
        for point in points {
            if self.read(|rows| index::get(rows, &point.id))?.is_none() {
                ids.push(point.id);
            }
        }
        let mut work = Vec::new();
        if let Some(next) = next.filter(|next| *next > range.from && range.contains(next)) {
            work.push(Work::Ids(tree, Range { from: next, ..range }));
        }
        work.extend(ids.chunks(FETCH_AT_ONCE).map(|ids| Work::Fetch(ids.to_vec())));
        Ok(work)
    }

    fn page_came(&mut self, peer: Peer, request: RequestId, tree: Tree, range: Range, answer: SyncAnswer) -> Vec<Work> {
        let next = match &answer {
            SyncAnswer::Envelopes { next, .. } => next.filter(|next| *next > range.from && range.contains(next)),
            SyncAnswer::Digests(_)
            | SyncAnswer::Parts(_)
            | SyncAnswer::Ids { .. }
            | SyncAnswer::Heads { .. }
            | SyncAnswer::Blob(_)
            | SyncAnswer::Busy => None,
        };
        self.verify_for_session(peer, request, answer);
        next.map(|next| Work::Page(tree, Range { from: next, ..range })).into_iter().collect()
    }

    fn fetched(&mut self, peer: Peer, request: RequestId, ids: &[EnvelopeId], answer: SyncAnswer) -> Vec<Work> {
        let SyncAnswer::Envelopes { envelopes, .. } = &answer else { return Vec::new() };
        let got: BTreeSet<EnvelopeId> = envelopes.iter().filter_map(|bytes| peek::id(bytes)).collect();
        let left: Vec<EnvelopeId> = ids.iter().filter(|id| !got.contains(id)).copied().collect();
        let moved = left.len() < ids.len();
        self.verify_for_session(peer, request, answer);
        // A page was full; when it brought nothing that was asked for, the peer has none of the rest.
        if moved && !left.is_empty() { vec![Work::Fetch(left)] } else { Vec::new() }
    }

    fn verify_for_session(&mut self, peer: Peer, request: RequestId, answer: SyncAnswer) {
        if self.verify_answer(peer, request, Ok(answer), Purpose::Session)
            && let Some(session) = self.syncing.sessions.get_mut(&peer)
        {
            session.verifying += 1;
        }
    }

    /// The envelopes of one answer are written.
    pub(crate) fn session_verified(&mut self, peer: Peer) -> Result<(), StoreError> {
        let now = self.now;
        if let Some(session) = self.syncing.sessions.get_mut(&peer) {
            session.verifying = session.verifying.saturating_sub(1);
            session.progress = now;
        }
        self.advance(peer)
    }

    /// Sessions that waited for identities go on; a drop of gossip begins a round.
    pub(crate) fn syncing_turn_ended(&mut self) -> Result<(), StoreError> {
        let stalled: Vec<Peer> = self
            .syncing
            .sessions
            .iter()
            .filter(|(_, session)| session.under_way.is_none() && session.verifying == 0 && session.resume <= self.now)
            .map(|(peer, _)| *peer)
            .collect();
        for peer in stalled {
            self.advance(peer)?;
        }
        if self.syncing.dropped && !self.connected.is_empty() {
            if self.now.since_ms(self.syncing.last_round) >= DROP_ROUND_MS {
                return self.begin_round();
            }
            self.syncing.next_round = self.syncing.next_round.min(self.syncing.last_round.plus_ms(DROP_ROUND_MS));
            self.syncing.dropped = false;
            return self.set_round_timer();
        }
        Ok(())
    }

    fn begin_round(&mut self) -> Result<(), StoreError> {
        self.syncing.dropped = false;
        self.syncing.last_round = self.now;
        self.syncing.next_round = self.now.plus_ms(self.settings.anti_entropy_ms);
        self.set_round_timer()?;
        for peer in self.some_peers(ROUND_PEERS) {
            self.begin_session(peer)?;
        }
        Ok(())
    }

    fn set_round_timer(&mut self) -> Result<(), StoreError> {
        let resumes = self.syncing.sessions.values().map(|session| session.resume).filter(|resume| *resume > self.now);
        let at = resumes.chain([self.syncing.next_round]).min().unwrap_or(self.now);
        self.set_timer(Timer::AntiEntropy, at.max(self.now.plus_ms(1)));
        Ok(())
    }

    pub(crate) fn on_anti_entropy_timer(&mut self) -> Result<(), StoreError> {
        let (now, idle_ms) = (self.now, self.settings.limits.session_idle_ms);
        let sessions = &self.syncing.sessions;
        let is_over = |session: &Session| {
            now.since_ms(session.progress) > idle_ms || now.since_ms(session.began) > SESSION_MS_MAX
        };
        let over: Vec<Peer> = sessions.iter().filter(|(_, session)| is_over(session)).map(|(peer, _)| *peer).collect();
        for peer in over {
            self.end_session(&peer)?;
        }
        let going: Vec<Peer> = self.syncing.sessions.keys().copied().collect();
        for peer in going {
            self.advance(peer)?;
        }
        if self.now >= self.syncing.next_round { self.begin_round() } else { self.set_round_timer() }
    }
}

/// A run cut into what is compared next: groups of slots, then single slots.
fn cut(run: &SlotRun) -> Vec<SlotRun> {
    let (first, last) = (run.first.number(), run.last.number());
    let width = if last - first >= GROUP { GROUP } else { 1 };
    let part = |first: u16| {
        let last = last.min(first + (width - 1));
        Some(SlotRun { first: Slot::new(first)?, last: Slot::new(last)?, class: run.class })
    };
    // The last slot first: `ctl`, whose operations the others need.
    (first..=last).step_by(usize::from(width)).filter_map(part).collect()
}
