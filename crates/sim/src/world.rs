//! The world: places, the clock, and the door through which a node is stepped. What happens there stands beside it:
//! `links`, `gossip` and `requests` carry messages, `faults` break things, `work` and `hostile` act, `check` judges.

use crate::cast::Cast;
use crate::chance::Chance;
use crate::copies::Backup;
use crate::disk;
use crate::forks::Named;
use crate::gossip::{FrameNo, Frames, GossipSide};
use crate::hostile::Hostile;
use crate::plan::Plan;
use crate::planted::Planted;
use crate::queue::{Event, Queue};
use crate::report::{Coverage, Violation};
use crate::scenario::Scenario;
use crate::trace::{Trace, outcome_word};
use crate::verify::Verifier;
use crate::work::Work;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use tidepool_kernel::memory::{Keys, MemoryStore};
use tidepool_kernel::{
    Channel, Effect, GossipId, Input, Node, NodeSettings, Now, Outbox, Peer, RequestId, Retention, Steady, Ticket,
    Timer, Verdict,
};
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::{EnvelopeId, NetworkGenesis, Shard, Slot, TimeMs};
use tidepool_views::testing::{T0, network};
use tidepool_views::{Cursor, Envelopes};

/// An answer that holds an envelope is longer than this.
const ANSWER_BYTES_MIN: usize = 200;

/// A node as it runs in a simulation.
pub type SimNode = Node<MemoryStore, Keys>;

/// What is done to each node before its first input: tests plant defects of the kernel here.
pub type Prepare<'p> = &'p dyn Fn(&mut SimNode);

/// What any peer has, honest or not: a place in the network.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) key: Peer,
    pub(crate) up: bool,
    /// Counts starts and stops: what was sent to an earlier life does not arrive.
    pub(crate) life: u32,
    /// Whom it believes to be connected to.
    pub(crate) near: BTreeSet<usize>,
    /// Whom it keeps connected to.
    pub(crate) wanted: BTreeSet<usize>,
    pub(crate) blocked: BTreeSet<usize>,
    pub(crate) gossip: GossipSide,
    /// Requests of others that wait for its answer.
    pub(crate) channels: BTreeMap<Channel, (usize, RequestId)>,
    /// Its own that wait for an answer.
    pub(crate) asked: BTreeMap<RequestId, usize>,
}

/// A gossip message that waits for a kernel's verdict.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) from: usize,
    pub(crate) frame: FrameNo,
    pub(crate) since: u64,
}

/// An honest node.
pub(crate) struct Member {
    pub(crate) settings: NodeSettings,
    pub(crate) keys: Keys,
    pub(crate) disk: MemoryStore,
    pub(crate) node: Option<SimNode>,
    pub(crate) timers: BTreeMap<Timer, Steady>,
    pub(crate) frames: BTreeMap<GossipId, Judged>,
    /// How far its clock is ahead.
    pub(crate) skew_ms: i64,
    /// How much longer its flushes take.
    pub(crate) slow_ms: u64,
    /// It said that it takes nothing more.
    pub(crate) halted: bool,
    /// It dies while its next flush is under way.
    pub(crate) armed: bool,
    /// How many faults keep it down.
    pub(crate) down: u32,
    pub(crate) starts: u32,
    pub(crate) turn_ends: bool,
    /// Up to here it said that everything may be spoken of.
    pub(crate) notified: Cursor,
    /// What it sent to others: frames and answers that hold envelopes.
    pub(crate) spoken: Vec<Bytes>,
    /// Copies of its disk, by the fault that asks for them.
    pub(crate) backups: BTreeMap<usize, Backup>,
    /// When a copy last took the place of its disk.
    pub(crate) put_back: Option<u64>,
    /// The logs that this copy knew.
    pub(crate) known: Option<BTreeSet<LogId>>,
    /// Whether a copy did that came back as if it were the original.
    pub(crate) copied: bool,
    /// What its kernels of earlier lives counted of checkpoints and of bodies taken away.
    pub(crate) before: (u64, u64),
}

/// Everything of one run.
pub(crate) struct World<'w> {
    pub(crate) scenario: &'w Scenario,
    pub(crate) cast: &'w Cast,
    pub(crate) prepare: Prepare<'w>,
    /// Who is told how far the run has come.
    pub(crate) watch: Option<&'w dyn Fn(u64)>,
    pub(crate) genesis: NetworkGenesis,
    pub(crate) plan: Plan,
    pub(crate) seed: u64,
    /// Milliseconds since the beginning of the run.
    pub(crate) now: u64,
    pub(crate) began: TimeMs,
    pub(crate) healed: bool,
    pub(crate) queue: Queue,
    /// Honest nodes first, then hostile peers.
    pub(crate) places: Vec<Place>,
    pub(crate) members: Vec<Member>,
    pub(crate) hostile: Vec<Hostile>,
    pub(crate) of_key: BTreeMap<Peer, usize>,
    /// Partitions that stand, by the number of their fault: one side of each.
    pub(crate) partitions: BTreeMap<usize, BTreeSet<usize>>,
    /// Losses of 1,000 that stand, by the number of their fault.
    pub(crate) losses: BTreeMap<usize, u64>,
    pub(crate) frames: Frames,
    pub(crate) verifier: Verifier,
    pub(crate) work: Work,
    pub(crate) trace: Trace,
    pub(crate) coverage: Coverage,
    pub(crate) violations: Vec<Violation>,
    /// When local requests put envelopes down, and how long others took to hold them.
    pub(crate) sent: BTreeMap<EnvelopeId, u64>,
    pub(crate) delays: Vec<u32>,
    pub(crate) delivery: Chance,
    pub(crate) disks: Chance,
    pub(crate) turns: Chance,
    pub(crate) numbers: u64,
    pub(crate) steps: u64,
    /// Since when no node has said that it holds something new.
    pub(crate) quiet_since: u64,
    /// Whether everybody holds the same, so that nobody has anything to ask for.
    pub(crate) resting: bool,
    /// What nodes asked for all the same, and what they asked for although they had it.
    pub(crate) restless: BTreeMap<usize, u64>,
    pub(crate) needless: BTreeMap<usize, u64>,
    /// Branches that a `keep` names.
    pub(crate) named: Vec<Named>,
}

impl<'w> World<'w> {
    pub(crate) fn new(scenario: &'w Scenario, cast: &'w Cast, seed: u64, prepare: Prepare<'w>) -> Self {
        let plan = Plan::of(scenario, seed);
        let genesis = network();
        let honest = cast.nodes.iter().map(|node| &node.key);
        let hostile = cast.hostile.iter().take(plan.hostile.len()).map(|hostile| &hostile.node.key);
        let places: Vec<Place> = honest.chain(hostile).map(|key| Place::new(crate::links::peer(key))).collect();
        let of_key = places.iter().enumerate().map(|(at, place)| (place.key, at)).collect();
        let members = (0..scenario.nodes).map(|at| Member::new(scenario, cast, &genesis, seed, at)).collect();
        let hostile = plan.hostile.iter().enumerate();
        let hostile = hostile.map(|(at, kind)| Hostile::new(*kind, &cast.hostile[at], seed, at)).collect();
        Self {
            scenario,
            cast,
            prepare,
            watch: None,
            genesis,
            seed,
            now: 0,
            began: T0.plus_ms(plan.into_week_ms),
            plan,
            healed: false,
            queue: Queue::default(),
            places,
            members,
            hostile,
            of_key,
            partitions: BTreeMap::new(),
            losses: BTreeMap::new(),
            frames: Frames::default(),
            verifier: Verifier::default(),
            work: Work::new(scenario, seed),
            trace: Trace::default(),
            coverage: Coverage::default(),
            violations: Vec::new(),
            sent: BTreeMap::new(),
            delays: Vec::new(),
            delivery: Chance::new(seed, "delivery"),
            disks: Chance::new(seed, "disks"),
            turns: Chance::new(seed ^ outside(scenario), "turns"),
            numbers: 0,
            steps: 0,
            quiet_since: 0,
            resting: false,
            restless: BTreeMap::new(),
            needless: BTreeMap::new(),
            named: Vec::new(),
        }
    }

    /// The next number of a ticket, a channel or a gossip message.
    pub(crate) const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) const fn is_honest(&self, place: usize) -> bool {
        place < self.members.len()
    }

    /// The true time.
    pub(crate) const fn true_time(&self) -> TimeMs {
        self.began.plus_ms(self.now)
    }

    /// The time by a node's clock.
    pub(crate) fn clock(&self, at: usize) -> TimeMs {
        TimeMs(self.true_time().0.saturating_add_signed(self.members[at].skew_ms))
    }

    /// Both clocks of a node. Nobody sets the steady one.
    fn clocks(&self, at: usize) -> Now {
        Now { time: self.clock(at), steady: Steady(self.now) }
    }

    /// Lets something happen at `place` in `ms` milliseconds, if it lives its present life then.
    pub(crate) fn later(&mut self, place: usize, ms: u64, event: Event) {
        let life = self.places[place].life;
        self.queue.push(self.now + ms, place, Some(life), event);
    }

    /// The same, whatever became of the place.
    pub(crate) fn anyway(&mut self, place: usize, at: u64, event: Event) {
        self.queue.push(at, place, None, event);
    }

    /// Lets time pass until `end`.
    pub(crate) fn run_until(&mut self, end: u64) {
        while self.queue.next_at().is_some_and(|at| at <= end) {
            let Some((at, place, life, event)) = self.queue.pop() else { break };
            self.now = self.now.max(at);
            if life.is_none_or(|life| life == self.places[place].life) {
                self.take(place, event);
            }
        }
        self.now = end;
    }

    fn take(&mut self, at: usize, event: Event) {
        match event {
            Event::Input(input) => self.step(at, input),
            Event::TurnEnds => {
                self.members[at].turn_ends = false;
                self.step_bare(at, Input::TurnEnded);
            }
            Event::Timer(timer) => self.timer(at, timer),
            Event::Flushed(point) => {
                let upto = self.members[at].disk.flushed(point);
                self.step(at, Input::Durable { upto });
            }
            Event::Frame { from, frame, again } => self.frame_comes(at, from, frame, again),
            Event::Have { from, frames } => self.have_comes(at, from, &frames),
            Event::Want { from, frames } => self.want_comes(at, from, &frames),
            Event::Heartbeat => self.heartbeat(at),
            Event::Ask { from, request, channel, frame } => self.ask_comes(at, from, request, channel, frame),
            Event::Answer { request, result } => self.answer_comes(at, request, result),
            Event::Dial { to } => self.dial(at, to),
            Event::Silent { to } => self.silent(at, to),
            Event::Subscribed { peer, topic } => self.subscribed(at, peer, topic),
            Event::FaultBegins(fault) => self.fault_begins(fault),
            Event::FaultEnds(fault) => self.fault_ends(fault),
            Event::Checkpoint => disk::checkpoint(&self.members[at].disk),
            Event::BackUp(fault) => self.back_up(at, fault),
            Event::Work(agent) => self.work_at(at, agent),
            Event::Gone => self.gone(at),
            Event::Dies => self.dies(at),
            Event::Mischief => self.mischief(at),
            Event::Look => {
                self.look_at_bounds();
                if let Some(watch) = self.watch {
                    watch(self.now);
                }
            }
        }
    }

    /// A timer fires if it still stands and is due.
    fn timer(&mut self, at: usize, timer: Timer) {
        let Some(due) = self.members[at].timers.get(&timer).copied() else { return };
        if due > Steady(self.now) {
            // It was moved: another event stands for it.
            return;
        }
        self.members[at].timers.remove(&timer);
        self.step(at, Input::Timer(timer));
    }

    /// Starts a node that is down.
    pub(crate) fn start(&mut self, at: usize) {
        let place = &mut self.places[at];
        place.up = true;
        place.life += 1;
        let member = &mut self.members[at];
        let mut node = Node::new(member.disk.clone(), member.keys.clone(), member.settings.clone());
        (self.prepare)(&mut node);
        member.node = Some(node);
        member.halted = false;
        member.starts += 1;
        member.notified = tidepool_kernel::Store::head(&member.disk);
        self.step(at, Input::Started);
        self.dial_all(at);
    }

    /// Takes a node away: nothing that is under way reaches it.
    pub(crate) fn stop(&mut self, at: usize) {
        let place = &mut self.places[at];
        place.up = false;
        place.life += 1;
        place.gossip = GossipSide::default();
        place.channels.clear();
        place.asked.clear();
        let near = std::mem::take(&mut place.near);
        let member = &mut self.members[at];
        member.before = member.counted();
        member.node = None;
        member.timers.clear();
        member.frames.clear();
        member.turn_ends = false;
        self.work.node_stopped(at);
        for peer in near {
            self.notice_silence(peer, at);
        }
    }

    /// Steps a node, and mostly ends its turn; sometimes more comes into the same batch.
    pub(crate) fn step(&mut self, at: usize, input: Input) {
        self.step_bare(at, input);
        if self.members[at].turn_ends || self.members[at].node.is_none() {
            return;
        }
        if self.turns.per_mille(150) {
            self.members[at].turn_ends = true;
            let ms = self.turns.between(1, 8);
            self.later(at, ms, Event::TurnEnds);
        } else {
            self.step_bare(at, Input::TurnEnded);
        }
    }

    fn step_bare(&mut self, at: usize, input: Input) {
        let now = self.clocks(at);
        let Some(node) = self.members[at].node.as_mut() else { return };
        let mut outbox = Outbox::default();
        node.step(input, now, &mut outbox);
        self.steps += 1;
        for effect in outbox.0 {
            let now = self.true_time();
            self.trace.effect(at, now, &effect);
            self.carry_out(at, effect);
        }
    }

    fn carry_out(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Verify { ticket, envelopes } => self.verify(at, ticket, envelopes),
            Effect::Judge { id, verdict } => self.judged(at, id, verdict),
            Effect::Publish { ticket, topic, frame } => {
                self.members[at].spoken.push(frame.clone());
                let outcome = self.publish(at, topic, &frame);
                self.coverage.count(outcome_word(outcome));
                self.later(at, 1, Event::Input(Input::Published { ticket, outcome }));
            }
            Effect::Request { request, peer, frame } => self.requested(at, request, peer, frame),
            Effect::Respond { channel, frame } => {
                if frame.len() > ANSWER_BYTES_MIN {
                    self.members[at].spoken.push(frame.clone());
                }
                self.respond(at, channel, frame);
            }
            Effect::Join(topic) => self.join(at, topic),
            Effect::Leave(topic) => self.places[at].gossip.leave(topic),
            Effect::Connect(peer) => {
                if let Some(to) = self.of_key.get(&peer).copied() {
                    self.coverage.count("looked up by Kademlia");
                    self.keep_link(at, to);
                }
            }
            Effect::Block(peer) => self.block(at, peer),
            Effect::Penalise { peer, offence } => self.penalise(at, peer, offence),
            Effect::SetTimer { timer, at: due } => self.set_timer(at, timer, due),
            Effect::Flush => self.flush(at),
            Effect::Reply { ticket, result } => self.replied(at, ticket, result),
            Effect::Notify { upto } => self.notified(at, upto),
            Effect::Halt { error } => self.halted(at, &error),
        }
    }

    fn verify(&mut self, at: usize, ticket: Ticket, envelopes: Vec<Bytes>) {
        let mut results: Vec<_> = envelopes.into_iter().map(|bytes| self.verifier.check(bytes)).collect();
        if results.len() > 2 && self.scenario.planted == Some(Planted::ResultsSwapped) {
            results.reverse();
        }
        let ms = self.turns.between(1, 6);
        self.later(at, ms, Event::Input(Input::Verified { ticket, results }));
    }

    fn set_timer(&mut self, at: usize, timer: Timer, due: Steady) {
        let member = &mut self.members[at];
        let forgets = self.scenario.planted == Some(Planted::TimerForgotten);
        if forgets && timer == Timer::AntiEntropy && member.starts > 1 {
            return;
        }
        member.timers.insert(timer, due);
        let ms = due.since_ms(Steady(self.now));
        self.later(at, ms, Event::Timer(timer));
    }

    fn flush(&mut self, at: usize) {
        let point = self.members[at].disk.flush_point();
        let ms = self.disks.between(1, 12) + self.members[at].slow_ms;
        if self.members[at].slow_ms > 0 {
            self.coverage.count("flush on a slow disk");
        }
        if std::mem::take(&mut self.members[at].armed) {
            let ms = self.disks.below(ms);
            self.later(at, ms, Event::Dies);
        }
        self.later(at, ms, Event::Flushed(point));
    }

    fn judged(&mut self, at: usize, id: GossipId, verdict: Verdict) {
        let Some(judged) = self.members[at].frames.remove(&id) else { return };
        let honest = self.frames.is_honest(judged.frame);
        match verdict {
            Verdict::Accept => self.accepted(at, judged),
            Verdict::Ignore => self.coverage.count(if honest { "frame ignored" } else { "hostile frame ignored" }),
            Verdict::Reject if honest => {
                let origin = self.frames.origin(judged.frame);
                self.violations.push(Violation::RejectedHonest { node: at, origin });
            }
            Verdict::Reject => self.coverage.count("hostile frame rejected"),
        }
    }

    /// A node may speak of more now: what is new there came, and took so long.
    fn notified(&mut self, at: usize, upto: Cursor) {
        let member = &mut self.members[at];
        let from = member.notified;
        if upto <= from {
            return;
        }
        member.notified = upto;
        self.quiet_since = self.now;
        let count = usize::try_from(upto.0 - from.0).unwrap_or(usize::MAX);
        for stored in member.disk.stored_after(from, count).unwrap_or_default() {
            if stored.cursor > upto {
                break;
            }
            let sent = self.sent.get(&stored.envelope.id());
            if let (Some(sent), tidepool_views::Origin::Peer(_)) = (sent, stored.origin) {
                self.delays.push(u32::try_from(self.now - sent).unwrap_or(u32::MAX));
            }
        }
    }
}

/// Runs of this process so far, for the defect that asks for something from outside.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// Nothing; with a planted defect, something that no seed decides.
fn outside(scenario: &Scenario) -> u64 {
    if scenario.planted == Some(Planted::OrderFromOutside) { RUNS.fetch_add(1, Ordering::Relaxed) } else { 0 }
}

impl Place {
    fn new(key: Peer) -> Self {
        Self {
            key,
            up: false,
            life: 0,
            near: BTreeSet::new(),
            wanted: BTreeSet::new(),
            blocked: BTreeSet::new(),
            gossip: GossipSide::default(),
            channels: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }
}

impl Member {
    /// Whether it holds everything.
    pub(crate) fn is_archive(&self) -> bool {
        matches!(self.settings.coverage, tidepool_kernel::Coverage::Archive) && !self.prunes()
    }

    /// Whether it takes old texts away.
    pub(crate) fn prunes(&self) -> bool {
        self.settings.retention != Retention::ARCHIVE
    }

    /// Whether it holds `slot`.
    pub(crate) fn covers(&self, slot: Slot) -> bool {
        self.settings.coverage.holds(slot, self.settings.genesis.params.shards)
    }

    /// How many checkpoints it signed and how many bodies it took away, in all its lives.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let (checkpoints, pruned) = self.before;
        let counters = self.node.as_ref().map(Node::counters);
        counters.map_or(self.before, |of| (checkpoints + of.checkpoints, pruned + of.pruned))
    }

    fn new(scenario: &Scenario, cast: &Cast, genesis: &NetworkGenesis, seed: u64, at: usize) -> Self {
        let node = &cast.nodes[at];
        let mut settings = NodeSettings::archive(genesis.clone(), node.id, crate::links::peer(&node.key));
        settings.anti_entropy_ms = scenario.anti_entropy_ms;
        settings.seed = Chance::new(seed, "choices").next() ^ u64::try_from(at).unwrap_or(u64::MAX);
        settings.limits.pending_max = scenario.pending_max;
        settings.limits.snapshot_min = scenario.snapshot_min;
        settings.limits.snapshot_page_bytes = scenario.snapshot_page_bytes;
        settings.checkpoint_ms = scenario.checkpoint_ms;
        let whole = scenario.nodes.saturating_sub(scenario.partial);
        if at < whole && at + scenario.pruning >= whole {
            // No day but today fits.
            settings.retention = Retention { days: 0, bytes_per_shard: 1 };
        }
        if at + scenario.partial >= scenario.nodes {
            // Neighbours, as a node's duty shards are.
            let first = u16::try_from(seed % 4).unwrap_or(0);
            let shards = [first, (first + 1) % genesis.params.shards].map(Shard);
            settings.coverage = tidepool_kernel::Coverage::Shards(shards.into_iter().collect());
        }
        Self {
            settings,
            keys: cast.custody(at),
            disk: disk::empty(scenario.planted),
            node: None,
            timers: BTreeMap::new(),
            frames: BTreeMap::new(),
            skew_ms: 0,
            slow_ms: 0,
            halted: false,
            armed: false,
            down: 0,
            starts: 0,
            turn_ends: false,
            notified: Cursor::START,
            spoken: Vec::new(),
            backups: BTreeMap::new(),
            put_back: None,
            known: None,
            copied: false,
            before: (0, 0),
        }
    }
}
