//! A few nodes in virtual time: links that lose, delay and reorder by seed, gossip as a flood with verdicts, requests
//! with time-outs, crashes that take what was not flushed.

use super::{Keys, MemoryStore};
use crate::input::{Input, Invalid, PublishOutcome, RequestFailure, Timer};
use crate::local::{LocalError, LocalRequest, Receipt, Ticket};
use crate::peer::{Channel, GossipId, Peer, RequestId};
use crate::random::Choices;
use crate::settings::NodeSettings;
use crate::{Counters, Effect, Node, Now, Offence, Outbox, Steady, Verdict, digest};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::ids::{Hash, sha256};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{Envelope, TimeMs, Verified, verify};

/// How bad the links are.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Gossip frames and requests that are lost, of 1,000.
    pub loss: usize,
    /// The longest delay of a message, in milliseconds; the shortest is one.
    pub delay_ms: usize,
}

impl Faults {
    /// Nothing is lost, everything takes a millisecond.
    pub const NONE: Self = Self { loss: 0, delay_ms: 1 };
}

/// A request that a node waits for, or that waits for a node: who, and by which number.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    asker: usize,
    request: RequestId,
}

#[derive(Clone, Debug)]
enum Event {
    Input(Input),
    Gossip { from: usize, topic: Topic, frame: Bytes },
    Timer(Timer),
    Flush,
}

struct Member {
    settings: NodeSettings,
    keys: Keys,
    store: MemoryStore,
    node: Option<Node<MemoryStore, Keys>>,
    timers: BTreeMap<Timer, TimeMs>,
    /// How far its clock is ahead of the time.
    skew_ms: i64,
    topics: BTreeSet<Topic>,
    seen: BTreeSet<Hash>,
    frames: BTreeMap<GossipId, (usize, Topic, Bytes)>,
    channels: BTreeMap<Channel, Exchange>,
    /// Counts restarts: what was sent to an earlier life does not arrive.
    life: u64,
}

/// The nodes, their links and the clock.
pub struct Network {
    /// The time.
    pub now: TimeMs,
    /// How bad the links are.
    pub faults: Faults,
    /// Replies to local requests, by node and ticket.
    pub replies: BTreeMap<(usize, Ticket), Result<Receipt, LocalError>>,
    /// Verdicts on gossip, in order: who gave it, and what.
    pub verdicts: Vec<(usize, Verdict)>,
    /// Whom nodes wanted to be connected to.
    pub wanted: Vec<(usize, Peer)>,
    /// Lies that were proved: by whom, of whom, which.
    pub penalties: Vec<(usize, Peer, Offence)>,
    /// Bytes of the frames of anti-entropy, requests and answers, of all nodes.
    pub sync_bytes: u64,
    /// A hash over every effect of every node, in order.
    pub trace: Hash,
    /// Nodes that halted.
    pub halted: BTreeSet<usize>,
    members: Vec<Member>,
    links: BTreeSet<(usize, usize)>,
    events: BTreeMap<(TimeMs, u64), (usize, u64, Event)>,
    choices: Choices,
    next: u64,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Network {
    /// An empty network at `now`, whose chances follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64, now: TimeMs, faults: Faults) -> Self {
        Self {
            now,
            faults,
            replies: BTreeMap::new(),
            verdicts: Vec::new(),
            wanted: Vec::new(),
            penalties: Vec::new(),
            sync_bytes: 0,
            trace: [0; 32],
            halted: BTreeSet::new(),
            members: Vec::new(),
            links: BTreeSet::new(),
            events: BTreeMap::new(),
            choices: Choices::new(seed),
            next: 0,
        }
    }

    /// Adds a node and starts it; its number.
    pub fn add(&mut self, settings: NodeSettings, keys: Keys) -> usize {
        self.add_with(settings, keys, MemoryStore::default())
    }

    /// Adds a node with a store that holds something.
    pub fn add_with(&mut self, settings: NodeSettings, keys: Keys, store: MemoryStore) -> usize {
        let node = self.members.len();
        self.members.push(Member {
            settings,
            keys,
            store,
            node: None,
            timers: BTreeMap::new(),
            skew_ms: 0,
            topics: BTreeSet::new(),
            seen: BTreeSet::new(),
            frames: BTreeMap::new(),
            channels: BTreeMap::new(),
            life: 0,
        });
        self.start(node);
        node
    }

    fn start(&mut self, at: usize) {
        let member = &mut self.members[at];
        member.life += 1;
        member.node = Some(Node::new(member.store.clone(), member.keys.clone(), member.settings.clone()));
        self.step(at, Input::Started);
    }

    /// Links two nodes.
    pub fn connect(&mut self, a: usize, b: usize) {
        if a == b || !self.links.insert(pair(a, b)) {
            return;
        }
        for (one, other) in [(a, b), (b, a)] {
            let peer = self.peer(other);
            self.step(one, Input::PeerConnected { peer });
            for topic in self.members[other].topics.clone() {
                self.later(one, 1, Event::Input(Input::PeerSubscribed { peer, topic }));
            }
        }
    }

    /// Cuts a link; what is under way on it is lost.
    pub fn disconnect(&mut self, a: usize, b: usize) {
        if self.links.remove(&pair(a, b)) {
            for (one, other) in [(a, b), (b, a)] {
                let peer = self.peer(other);
                self.step(one, Input::PeerDisconnected { peer });
            }
        }
    }

    /// Sets a node's clock, so far ahead of the time or behind it.
    pub fn set_clock(&mut self, at: usize, ahead_ms: i64) {
        self.members[at].skew_ms = ahead_ms;
    }

    /// Kills a node: what it had not flushed is gone. It is linked to nobody.
    pub fn crash(&mut self, at: usize) {
        let others: Vec<usize> =
            (0..self.members.len()).filter(|other| self.links.contains(&pair(at, *other))).collect();
        let member = &mut self.members[at];
        member.node = None;
        member.timers.clear();
        member.frames.clear();
        member.channels.clear();
        member.seen.clear();
        member.store.crash();
        for other in others {
            self.disconnect(at, other);
        }
    }

    /// Starts a node that crashed.
    pub fn restart(&mut self, at: usize) {
        self.start(at);
    }

    /// Starts a node that crashed with other settings.
    pub fn restart_with(&mut self, at: usize, change: impl FnOnce(&mut NodeSettings)) {
        change(&mut self.members[at].settings);
        self.members[at].topics.clear();
        self.start(at);
    }

    /// A node's key, under which peers know it.
    #[must_use]
    pub fn peer(&self, at: usize) -> Peer {
        self.members[at].settings.key
    }

    /// A node's store.
    #[must_use]
    pub fn store(&self, at: usize) -> &MemoryStore {
        &self.members[at].store
    }

    /// A node's counters.
    #[must_use]
    pub fn counters(&self, at: usize) -> Counters {
        self.members[at].node.as_ref().map(Node::counters).unwrap_or_default()
    }

    /// The node itself, while it runs.
    #[must_use]
    pub fn node(&self, at: usize) -> Option<&Node<MemoryStore, Keys>> {
        self.members[at].node.as_ref()
    }

    /// The same, to be changed.
    pub fn node_mut(&mut self, at: usize) -> Option<&mut Node<MemoryStore, Keys>> {
        self.members[at].node.as_mut()
    }

    /// Asks a node, and says under which ticket it will answer.
    pub fn ask(&mut self, at: usize, request: LocalRequest) -> Ticket {
        self.next += 1;
        let ticket = Ticket(1_000_000_000 + self.next);
        self.step(at, Input::Local { ticket, request });
        ticket
    }

    /// Gives a node an input that no honest peer caused.
    pub fn inject(&mut self, at: usize, input: Input) {
        self.step(at, input);
    }

    /// Hands a node a frame as if `from` had forwarded it.
    pub fn gossip(&mut self, at: usize, from: usize, topic: Topic, frame: Bytes) {
        self.deliver(at, from, topic, frame);
    }

    /// Lets `ms` milliseconds pass.
    pub fn run(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        loop {
            let event = self.events.first_key_value().map(|(key, _)| key.0);
            let timer = self.next_timer();
            let at = match (event, timer) {
                (Some(event), Some((at, ..))) => event.min(at),
                (Some(event), None) => event,
                (None, Some((at, ..))) => at,
                (None, None) => break,
            };
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            match timer.filter(|(due, ..)| *due <= at && event.is_none_or(|event| event > *due)) {
                Some((_, node, timer)) => {
                    self.members[node].timers.remove(&timer);
                    self.take(node, Event::Timer(timer));
                }
                None => {
                    if let Some((_, (node, life, event))) = self.events.pop_first()
                        && self.members[node].life == life
                    {
                        self.take(node, event);
                    }
                }
            }
        }
        self.now = end;
    }

    fn next_timer(&self) -> Option<(TimeMs, usize, Timer)> {
        let of = |(node, member): (usize, &Member)| {
            member.timers.iter().map(|(timer, at)| (*at, node, *timer)).collect::<Vec<_>>()
        };
        self.members.iter().enumerate().flat_map(of).min()
    }

    fn take(&mut self, node: usize, event: Event) {
        match event {
            Event::Input(input) => self.step(node, input),
            Event::Timer(timer) => self.step(node, Input::Timer(timer)),
            Event::Flush => {
                let upto = self.members[node].store.flush();
                self.step(node, Input::Durable { upto });
            }
            Event::Gossip { from, topic, frame } => self.deliver(node, from, topic, frame),
        }
    }

    fn deliver(&mut self, at: usize, from: usize, topic: Topic, frame: Bytes) {
        let id = sha256(&[format!("{topic:?}").as_bytes(), &frame]);
        if !self.members[at].topics.contains(&topic) || !self.members[at].seen.insert(id) {
            return;
        }
        self.next += 1;
        let id = GossipId(self.next);
        let peer = self.peer(from);
        self.members[at].frames.insert(id, (from, topic, frame.clone()));
        self.step(at, Input::Gossip { id, from: peer, topic, frame });
    }

    fn later(&mut self, node: usize, ms: u64, event: Event) {
        self.next += 1;
        let life = self.members[node].life;
        self.events.insert((self.now.plus_ms(ms), self.next), (node, life, event));
    }

    fn delay(&mut self) -> u64 {
        1 + self.choices.below(self.faults.delay_ms) as u64
    }

    fn is_lost(&mut self) -> bool {
        self.choices.below(1_000) < self.faults.loss
    }

    fn step(&mut self, at: usize, input: Input) {
        let time = TimeMs(self.now.0.saturating_add_signed(self.members[at].skew_ms));
        let now = Now { time, steady: Steady(self.now.0) };
        let mut outbox = Outbox::default();
        let Some(node) = self.members[at].node.as_mut() else { return };
        node.step(input, now, &mut outbox);
        node.step(Input::TurnEnded, now, &mut outbox);
        for effect in outbox.0 {
            self.trace = sha256(&[&self.trace, format!("{at} {effect:?}").as_bytes()]);
            self.carry_out(at, effect);
        }
    }

    fn carry_out(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Verify { ticket, envelopes } => {
                let results = envelopes.into_iter().map(check).collect();
                self.later(at, 1, Event::Input(Input::Verified { ticket, results }));
            }
            Effect::Judge { id, verdict } => self.judged(at, id, verdict),
            Effect::Publish { ticket, topic, frame } => {
                let outcome = self.publish(at, topic, &frame);
                self.later(at, 1, Event::Input(Input::Published { ticket, outcome }));
            }
            Effect::Request { request, peer, frame } => {
                self.sync_bytes += frame.len() as u64;
                self.requested(at, request, peer, frame);
            }
            Effect::Respond { channel, frame } => {
                self.sync_bytes += frame.len() as u64;
                if let Some(Exchange { asker, request }) = self.members[at].channels.remove(&channel) {
                    let lost = !self.links.contains(&pair(at, asker)) || self.is_lost();
                    let (delay, result) =
                        if lost { (3_000, Err(RequestFailure::Timeout)) } else { (self.delay(), Ok(frame)) };
                    self.later(asker, delay, Event::Input(Input::Response { request, result }));
                }
            }
            Effect::Join(topic) => {
                self.members[at].topics.insert(topic);
            }
            Effect::Leave(topic) => {
                self.members[at].topics.remove(&topic);
            }
            Effect::Connect(peer) => self.wanted.push((at, peer)),
            Effect::Penalise { peer, offence } => self.penalties.push((at, peer, offence)),
            Effect::Block(_) | Effect::Notify { .. } => {}
            Effect::SetTimer { timer, at: due } => {
                self.members[at].timers.insert(timer, TimeMs(due.0));
            }
            Effect::Flush => self.later(at, 2, Event::Flush),
            Effect::Reply { ticket, result } => {
                self.replies.insert((at, ticket), result);
            }
            Effect::Halt { .. } => {
                self.halted.insert(at);
            }
        }
    }

    fn judged(&mut self, at: usize, id: GossipId, verdict: Verdict) {
        self.verdicts.push((at, verdict));
        let Some((from, topic, frame)) = self.members[at].frames.remove(&id) else { return };
        if verdict == Verdict::Accept {
            self.spread(at, Some(from), topic, &frame);
        }
    }

    fn publish(&mut self, at: usize, topic: Topic, frame: &Bytes) -> PublishOutcome {
        let id = sha256(&[format!("{topic:?}").as_bytes(), frame]);
        if !self.members[at].seen.insert(id) {
            return PublishOutcome::Duplicate;
        }
        if self.spread(at, None, topic, frame) == 0 {
            // Nothing was sent, so the same bytes may be published again.
            self.members[at].seen.remove(&id);
            return PublishOutcome::NoPeers;
        }
        PublishOutcome::Sent
    }

    fn spread(&mut self, at: usize, except: Option<usize>, topic: Topic, frame: &Bytes) -> usize {
        let mut sent = 0;
        for other in 0..self.members.len() {
            if Some(other) == except || !self.links.contains(&pair(at, other)) {
                continue;
            }
            sent += 1;
            if !self.is_lost() {
                let delay = self.delay();
                self.later(other, delay, Event::Gossip { from: at, topic, frame: frame.clone() });
            }
        }
        sent
    }

    fn requested(&mut self, at: usize, request: RequestId, peer: Peer, frame: Bytes) {
        let to = (0..self.members.len()).find(|other| self.peer(*other) == peer);
        let fail = |failure| Event::Input(Input::Response { request, result: Err(failure) });
        match to.filter(|to| self.links.contains(&pair(at, *to)) && self.members[*to].node.is_some()) {
            None => self.later(at, 1, fail(RequestFailure::Unreachable)),
            Some(_) if self.is_lost() => self.later(at, 3_000, fail(RequestFailure::Timeout)),
            Some(to) => {
                self.next += 1;
                let channel = Channel(self.next);
                self.members[to].channels.insert(channel, Exchange { asker: at, request });
                let delay = self.delay();
                let from = self.peer(at);
                self.later(to, delay, Event::Input(Input::Request { from, channel, frame }));
            }
        }
    }

    /// Whether two nodes hold the same, by their digests.
    ///
    /// # Panics
    /// When a store cannot be read.
    #[must_use]
    pub fn equal(&self, a: usize, b: usize) -> bool {
        let of = |at: usize| digest::all(self.store(at)).expect("a store in memory can be read");
        of(a) == of(b)
    }
}

fn check(bytes: Bytes) -> Result<Verified<Envelope>, Invalid> {
    Ok(verify(Envelope::decode(bytes)?)?)
}
