//! Asking peers for an author's heads before its first signature since the start, so that a restored backup never
//! forks a log.
//!
//! The answers are waited for two seconds at most, and not at all when nobody is connected. Where a peer knows more of
//! a log than this node, what it has is fetched, and the next envelope opens a new log behind it.

use crate::clock::Steady;
use crate::compose::Parked;
use crate::custody::Custody;
use crate::gate::recent::{RecentMap, RecentSet};
use crate::input::Timer;
use crate::local::{LocalError, Ticket};
use crate::node::Node;
use crate::peer::{Peer, RequestId};
use crate::requests::Purpose;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::body::Head;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::ids::{Hash, sha256};
use tidepool_protocol::limits::EPOCHS_PER_WEEK;
use tidepool_protocol::sync::SyncRequest;
use tidepool_protocol::{AuthorId, EnvelopeId, Epoch, PublicKey, Scope, Slot, TimeMs};
use tidepool_views::{Cursor, ReadError, RowWrite, Rows, index};

/// How many peers are asked: one may be new, one may be wrong.
const PEERS_MAX: usize = 4;

/// A claim without its envelopes counts up to this log of a week: the last four are for what is proved.
const CLAIMED_MAX: u64 = 11;

/// How many logs in which a peer is ahead are fetched for one author at once.
const LOGS_MAX: usize = 16;

/// The row that says up to which cursor the log was brought in by a restore.
const RESTORED: [u8; 1] = [0x61];

/// The durable row by which a restored store opens new logs: behind `head` no line goes on from what came before. `at`
/// tells one restore from another.
#[must_use]
pub fn restored_row(head: Cursor, at: TimeMs) -> RowWrite {
    let value = [head.0.to_be_bytes(), at.0.to_be_bytes()].concat();
    RowWrite { key: Bytes::from_static(&RESTORED), value: Some(value.into()) }
}

/// What the last restore of a store left: whoever keeps something that must not outlive a restore compares it.
///
/// # Errors
/// When the store cannot be read.
pub fn restored_mark(rows: &dyn Rows) -> Result<Option<Bytes>, ReadError> {
    rows.get(&RESTORED)
}

/// A restore: up to where it brought the log, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restore {
    head: Cursor,
    at: TimeMs,
}

impl Restore {
    const NEVER: Self = Self { head: Cursor::START, at: TimeMs(0) };

    /// Whether an envelope at `cursor` came with it.
    pub(crate) fn brought(&self, cursor: Cursor) -> bool {
        cursor <= self.head
    }

    /// The first log of the week of the restore, in that week: the original may have begun in it what the backup does not
    /// know, a line or the week's first log of one.
    pub(crate) fn taken(&self, newest: Option<Epoch>, now: TimeMs) -> Option<Epoch> {
        let first = Epoch::first_of(self.at);
        let begins = newest.is_none_or(|newest| newest < first);
        (self.at > TimeMs(0) && now.week() == self.at.week() && begins).then_some(first)
    }
}

/// What the last restore of a store left.
pub(crate) fn restored(rows: &dyn Rows) -> Result<Restore, ReadError> {
    let mark = restored_mark(rows)?;
    let numbers = mark.as_ref().map(|mark| mark.as_chunks::<8>().0.iter().map(|part| u64::from_be_bytes(*part)));
    let mut numbers = numbers.into_iter().flatten();
    let head = numbers.next().map_or(Cursor::START, Cursor);
    Ok(Restore { head, at: numbers.next().map_or(TimeMs(0), TimeMs) })
}

/// An author whose heads are being asked for.
#[derive(Debug)]
struct Round {
    under_way: BTreeSet<RequestId>,
    deadline: Steady,
    parked: Vec<(Ticket, Parked)>,
}

/// What is known of heads elsewhere.
#[derive(Debug)]
pub(crate) struct Heads {
    asked: RecentSet<AuthorId>,
    ahead: RecentMap<Hash, Epoch>,
    /// The last envelope that this node signed in a line, so that going on costs no read of it.
    wrote: RecentMap<Hash, EnvelopeId>,
    /// No line goes on from what the last restore brought: another process may have done so.
    pub(crate) restored: Restore,
    rounds: BTreeMap<AuthorId, Round>,
    waiting: usize,
}

fn log_of(author: AuthorId, key: PublicKey, scope: &Scope) -> Hash {
    sha256(&[&author.0, &key.0, scope.to_string().as_bytes()])
}

impl Heads {
    pub(crate) const fn new(asked_max: usize) -> Self {
        Self {
            asked: RecentSet::new(asked_max),
            ahead: RecentMap::new(asked_max),
            wrote: RecentMap::new(asked_max),
            restored: Restore::NEVER,
            rounds: BTreeMap::new(),
            waiting: 0,
        }
    }

    /// An identity that began at this node since its start: nobody else has signed for it.
    pub(crate) fn fresh(&mut self, author: AuthorId) {
        self.asked.insert(author);
    }

    /// The epoch in which a peer knows more of a log than this node did when it asked.
    pub(crate) fn ahead(&self, author: AuthorId, key: PublicKey, scope: &Scope) -> Option<Epoch> {
        self.ahead.get(&log_of(author, key, scope)).copied()
    }

    /// This node signed `id` as the next of a line.
    pub(crate) fn wrote(&mut self, author: AuthorId, key: PublicKey, scope: &Scope, id: EnvelopeId) {
        self.wrote.insert(log_of(author, key, scope), id);
    }

    /// What this node signed last in a line, as far as it remembers.
    pub(crate) fn last_written(&self, author: AuthorId, key: PublicKey, scope: &Scope) -> Option<EnvelopeId> {
        self.wrote.get(&log_of(author, key, scope)).copied()
    }

    /// Ends all rounds; the requests that waited.
    pub(crate) fn give_up(&mut self) -> Vec<Ticket> {
        self.waiting = 0;
        let rounds = std::mem::take(&mut self.rounds);
        rounds.into_values().flat_map(|round| round.parked.into_iter().map(|(ticket, _)| ticket)).collect()
    }
}

impl<S: Store, C: Custody> Node<S, C> {
    /// Whether peers are to be asked before `author` signs here.
    pub(crate) fn must_ask_heads(&self, author: AuthorId) -> bool {
        !self.heads.asked.contains(&author) && !self.connected.is_empty()
    }

    /// Lets a request wait for the answers, and asks if nobody was asked yet.
    pub(crate) fn park_for_heads(&mut self, ticket: Ticket, parked: Parked) -> Result<(), StoreError> {
        let allowed = self.settings.limits.local_waiting_max;
        if self.heads.waiting >= allowed {
            return self.fail(ticket, LocalError::Busy { waiting: self.heads.waiting, allowed });
        }
        let author = parked.author;
        if let Some(round) = self.heads.rounds.get_mut(&author) {
            round.parked.push((ticket, parked));
            self.heads.waiting += 1;
            return Ok(());
        }
        // Who holds a scope knows its logs; the author's own slot is where its checkpoints lie.
        let own = Scope::Agent(author.as_agent()).slot();
        let slots: Vec<Slot> = parked.items.iter().map(|item| item.scope.slot()).chain([own]).collect();
        let peers = self.carriers(&slots, PEERS_MAX);
        if peers.is_empty() {
            return self.compose(ticket, parked);
        }
        self.heads.waiting += 1;
        let request = SyncRequest::Heads(author);
        let under_way = peers.into_iter().map(|peer| self.ask(peer, &request, Purpose::Heads(author))).collect();
        let deadline = self.steady.plus_ms(self.settings.limits.heads_wait_ms);
        self.heads.rounds.insert(author, Round { under_way, deadline, parked: vec![(ticket, parked)] });
        self.set_heads_timer();
        Ok(())
    }

    fn set_heads_timer(&mut self) {
        if let Some(at) = self.heads.rounds.values().map(|round| round.deadline).min() {
            self.set_timer(Timer::LogHeads, at);
        }
    }

    /// A peer named its heads of `author`'s logs.
    pub(crate) fn heads_came(
        &mut self,
        request: RequestId,
        from: Peer,
        author: AuthorId,
        heads: Vec<Head>,
    ) -> Result<(), StoreError> {
        let mut fetches = 0;
        for head in heads {
            let newest = self.newest(author, head.key, &head.scope)?;
            let ours = newest.map(|newest| (newest.epoch, newest.seq));
            let behind = match newest {
                // Of a fork this node may hold both.
                Some(newest) if (newest.epoch, newest.seq) == (head.epoch, head.seq) => {
                    newest.id != head.id && self.read(|rows| index::get(rows, &head.id))?.is_none()
                }
                Some(_) | None => ours < Some((head.epoch, head.seq)),
            };
            if !behind {
                continue;
            }
            let log = log_of(author, head.key, &head.scope);
            if self.is_credible(head.epoch) && self.heads.ahead.get(&log).is_none_or(|epoch| *epoch < head.epoch) {
                self.heads.ahead.insert(log, head.epoch);
            }
            if fetches < LOGS_MAX {
                fetches += 1;
                let from_seq = ours.filter(|(epoch, _)| *epoch == head.epoch).map_or(0, |(_, seq)| seq);
                let log = LogId { author, key: head.key, scope: head.scope, epoch: head.epoch };
                let fetch = SyncRequest::Log { log, from: from_seq, to: head.seq };
                let id = self.ask(from, &fetch, Purpose::Log(author));
                if let Some(round) = self.heads.rounds.get_mut(&author) {
                    round.under_way.insert(id);
                }
            }
        }
        self.heads_answered(request, author)
    }

    /// Whether a claim that nothing proves yet may move an author into a new log. Without this a lying peer could use up
    /// the logs of a week, or move an author into the future, where nobody admits it.
    const fn is_credible(&self, epoch: Epoch) -> bool {
        epoch.week() <= self.now.week() && epoch.0 % EPOCHS_PER_WEEK <= CLAIMED_MAX
    }

    /// One answer less is waited for.
    pub(crate) fn heads_answered(&mut self, request: RequestId, author: AuthorId) -> Result<(), StoreError> {
        let done = match self.heads.rounds.get_mut(&author) {
            Some(round) => {
                round.under_way.remove(&request);
                round.under_way.is_empty()
            }
            None => false,
        };
        if done { self.end_round(author) } else { Ok(()) }
    }

    /// The answers that came must do.
    pub(crate) fn on_heads_timer(&mut self) -> Result<(), StoreError> {
        let now = self.steady;
        let over: Vec<AuthorId> =
            self.heads.rounds.iter().filter(|(_, round)| round.deadline <= now).map(|(author, _)| *author).collect();
        for author in over {
            self.end_round(author)?;
        }
        self.set_heads_timer();
        Ok(())
    }

    fn end_round(&mut self, author: AuthorId) -> Result<(), StoreError> {
        let Some(round) = self.heads.rounds.remove(&author) else { return Ok(()) };
        self.heads.asked.insert(author);
        self.heads.waiting -= round.parked.len();
        for (ticket, parked) in round.parked {
            self.compose(ticket, parked)?;
        }
        Ok(())
    }

    /// Up to `count` connected peers, by chance.
    pub(crate) fn some_peers(&mut self, count: usize) -> Vec<Peer> {
        let mut peers: Vec<Peer> = self.connected.iter().copied().collect();
        let mut chosen = Vec::new();
        while chosen.len() < count && !peers.is_empty() {
            let at = self.choices.below(peers.len());
            chosen.push(peers.swap_remove(at));
        }
        chosen
    }
}
