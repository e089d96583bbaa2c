//! The node: what it holds, and the one door into it.
//!
//! `handle/` has one file for each input; the other modules hold the parts and what they know. Nothing here reads a
//! clock, draws a random number or waits.

use crate::admission::Rules;
use crate::bundler::Bundler;
use crate::checkpoints::Checkpoints;
use crate::clock::{Now, Steady};
use crate::counters::Counters;
use crate::custody::Custody;
use crate::digest::Sums;
use crate::effect::{Effect, Outbox, Verdict};
use crate::gaps::Gaps;
use crate::gate::Gate;
use crate::handle;
use crate::heads::Heads;
use crate::input::{Input, Timer};
use crate::local::Ticket;
use crate::locate::Locating;
use crate::outbox::Outgoing;
use crate::peer::{GossipId, Peer, RequestId};
use crate::pending::{Bounds, PendingQueue};
use crate::planted::{Defect, Planted};
use crate::presence::Presences;
use crate::random::Choices;
use crate::requests::Requests;
use crate::retention::Pruning;
use crate::settings::NodeSettings;
use crate::store::{Store, StoreError};
use crate::sync::{Cover, Syncing};
use crate::turn::{Speech, Turn};
use std::collections::BTreeSet;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::sync::Horizon;
use tidepool_protocol::{Shard, Slot, TimeMs};
use tidepool_views::Overlay;
use tidepool_views::presence::Board;

/// Whether inputs are still taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// All.
    Running,
    /// No new work: what is under way is finished.
    Stopping,
    /// None: the store failed.
    Halted,
}

/// Numbers that this node gives out.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    ticket: u64,
    request: u64,
}

impl Numbers {
    pub(crate) const fn ticket(&mut self) -> Ticket {
        self.ticket += 1;
        Ticket(self.ticket)
    }

    pub(crate) const fn request(&mut self) -> RequestId {
        self.request += 1;
        RequestId(self.request)
    }
}

/// A node as a state machine over a store and the keys in its custody.
pub struct Node<S, C> {
    pub(crate) store: S,
    pub(crate) custody: C,
    pub(crate) settings: NodeSettings,
    pub(crate) rules: Rules,
    pub(crate) phase: Phase,
    /// The time of the world.
    pub(crate) now: TimeMs,
    /// For deadlines, rates and timers.
    pub(crate) steady: Steady,
    pub(crate) out: Outbox,
    pub(crate) numbers: Numbers,
    pub(crate) choices: Choices,
    pub(crate) turn: Turn,
    pub(crate) sums: Vec<Sums>,
    /// What it holds, and says that it holds.
    pub(crate) cover: Cover,
    pub(crate) gate: Gate,
    pub(crate) bundler: Bundler,
    pub(crate) outgoing: Outgoing,
    pub(crate) pending: PendingQueue,
    pub(crate) requests: Requests,
    pub(crate) heads: Heads,
    pub(crate) gaps: Gaps,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) pruning: Pruning,
    pub(crate) locating: Locating,
    pub(crate) syncing: Syncing,
    pub(crate) presence: Presences,
    pub(crate) connected: BTreeSet<Peer>,
    pub(crate) counters: Counters,
    pub(crate) planted: Planted,
}

impl<S: Store, C: Custody> Node<S, C> {
    /// A node that has not started: its first input is [`Input::Started`].
    #[must_use]
    pub fn new(store: S, custody: C, settings: NodeSettings) -> Self {
        let limits = settings.limits;
        let bounds = Bounds {
            count: limits.pending_max,
            bytes: limits.pending_bytes_max,
            peer_share: limits.pending_peer_share,
            age_ms: limits.pending_ms_max,
        };
        let cover = Cover::of(&settings.coverage, &settings.genesis);
        Self {
            turn: Turn::new(store.head()),
            cover,
            store,
            custody,
            rules: Rules::new(settings.genesis.clone()),
            phase: Phase::Running,
            now: TimeMs(0),
            steady: Steady(0),
            out: Outbox::default(),
            numbers: Numbers::default(),
            choices: Choices::new(settings.seed),
            sums: vec![Sums::default(); usize::from(Slot::CTL.number()) + 1],
            gate: Gate::new(&limits),
            bundler: Bundler::default(),
            outgoing: Outgoing::new(limits.outbox_max),
            pending: PendingQueue::new(bounds),
            requests: Requests::default(),
            heads: Heads::new(limits.asked_max),
            gaps: Gaps::default(),
            checkpoints: Checkpoints::default(),
            pruning: Pruning::default(),
            locating: Locating::default(),
            syncing: Syncing::new(&limits),
            presence: Presences::new(limits.presence_max),
            connected: BTreeSet::new(),
            counters: Counters::default(),
            planted: Planted::default(),
            settings,
        }
    }

    /// Takes one input at `now`, and adds to `out` what it wants done, in order.
    ///
    /// After a failed read or append the node says [`Effect::Halt`] once, and takes nothing more.
    pub fn step(&mut self, input: Input, now: impl Into<Now>, out: &mut Outbox) {
        self.step_at(input, now.into(), out);
    }

    fn step_at(&mut self, input: Input, now: Now, out: &mut Outbox) {
        if self.phase == Phase::Halted {
            return;
        }
        (self.now, self.steady) = (now.time, now.steady);
        std::mem::swap(&mut self.out, out);
        let taken =
            handle::take(self, input).and_then(|()| if self.turn.is_due() { self.close_turn() } else { Ok(()) });
        if let Err(error) = taken {
            self.phase = Phase::Halted;
            self.out.push(Effect::Halt { error });
        }
        std::mem::swap(&mut self.out, out);
    }

    /// What it counted since it was made, and its sizes now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        Counters {
            pending: size(self.pending.len()),
            outbox: size(self.outgoing.len()),
            gaps: size(self.gaps.len()),
            sessions: size(self.syncing.count()),
            requests: size(self.requests.0.len()),
            peers: size(self.connected.len()),
            ..self.counters.clone()
        }
    }

    /// From now on content of these slots is held from these times on only: what is older is neither promised to peers
    /// nor asked of them, and refused when a session brings it.
    pub fn set_horizons(&mut self, horizons: &[Horizon]) {
        self.cover = Cover::of(&self.settings.coverage, &self.settings.genesis).pruned(horizons);
    }

    /// Whether bodies are being taken away that retention does not keep.
    #[must_use]
    pub fn is_pruning(&self) -> bool {
        !self.pruning.is_idle()
    }

    /// What it holds, and says that it holds.
    #[must_use]
    pub const fn cover(&self) -> &Cover {
        &self.cover
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Takes the store back, when the node is done.
    pub fn into_store(self) -> S {
        self.store
    }

    /// Who of the agents that it heard of is there. Held in memory, for a time.
    #[must_use]
    pub const fn presence(&self) -> &Board {
        &self.presence.board
    }

    /// Whether everything that it wrote is durable and said: what a shutdown waits for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.turn.is_idle()
    }

    /// Reads through the open batch.
    pub(crate) fn read<T>(&mut self, work: impl FnOnce(&mut Overlay<'_>) -> T) -> T {
        self.turn.overlay(&self.store, work)
    }

    /// Says `speech` once everything that was written so far is durable.
    pub(crate) fn speak(&mut self, speech: Speech) -> Result<(), StoreError> {
        if self.planted.is(Defect::SpeaksEarly) {
            return self.say(speech);
        }
        match self.turn.speak(speech) {
            Some(speech) => self.say(speech),
            None => Ok(()),
        }
    }

    /// Says it now.
    pub(crate) fn say(&mut self, speech: Speech) -> Result<(), StoreError> {
        match speech {
            Speech::Effect(effect) => self.out.push(effect),
            Speech::Announce(announce) => self.announce(&announce)?,
        }
        Ok(())
    }

    pub(crate) fn set_timer(&mut self, timer: Timer, at: Steady) {
        self.out.push(Effect::SetTimer { timer, at });
    }

    /// Gives a frame its verdict at once; `Accept` goes through [`Self::speak`] instead.
    pub(crate) fn judge(&mut self, id: GossipId, verdict: Verdict) {
        self.count_verdict(verdict);
        self.out.push(Effect::Judge { id, verdict });
    }

    pub(crate) const fn count_verdict(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Accept => self.counters.frames_accepted += 1,
            Verdict::Ignore => self.counters.frames_ignored += 1,
            Verdict::Reject => self.counters.frames_rejected += 1,
        }
    }

    /// The topic that carries `slot`.
    pub(crate) fn topic_of(&self, slot: Slot) -> Topic {
        let params = &self.rules.genesis().params;
        match Shard::of(slot, params.shards) {
            Some(shard) => Topic::Shard { generation: params.generation, shard },
            None => Topic::Ctl,
        }
    }
}
