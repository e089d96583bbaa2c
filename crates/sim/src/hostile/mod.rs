//! Peers that mean harm, driven by the simulator: what they send of their own accord. What they answer stands in
//! `answers`.
//!
//! Their agents' identities are good, so what those sign is admitted like anybody's.

mod answers;

use crate::cast::HostileCast;
use crate::chance::Chance;
use crate::plan::HostileKind;
use crate::queue::Event;
use crate::world::World;
use bytes::Bytes;
use tidepool_kernel::{Channel, RequestId};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::sync::{Class, Range, SlotRun, SyncRequest};
use tidepool_protocol::{
    AuthorId, Bundle, Draft, Envelope, Epoch, Kind, Scope, SecretKey, Shard, Signer, Slot, TimeMs, Verified,
};
use tidepool_views::testing::{TestAgent, Writer};

/// Between two deeds, in milliseconds.
const MISCHIEF_MS: (u64, u64) = (800, 6_000);

/// Frames that are remembered, to be used again.
const HEARD_MAX: usize = 48;

/// Frames of one burst of a flood: more than a peer's bucket refills between two.
const FLOOD_FRAMES: u64 = 40;

/// Requests of one burst of a flood.
const FLOOD_REQUESTS: u64 = 30;

/// Envelopes for one place of a log.
const RIVALS: u64 = 3;

/// A peer that means harm.
#[derive(Debug)]
pub(crate) struct Hostile {
    pub(crate) kind: HostileKind,
    cast: HostileCast,
    chance: Chance,
    heard: Vec<(Topic, Bytes)>,
    writers: Vec<Writer>,
    deeds: u64,
}

impl Hostile {
    pub(crate) fn new(kind: HostileKind, cast: &HostileCast, seed: u64, at: usize) -> Self {
        let number = u64::try_from(at).unwrap_or(u64::MAX);
        let chance = Chance::new(seed.wrapping_add(number << 32), "hostile");
        Self { kind, cast: cast.clone(), chance, heard: Vec::new(), writers: Vec::new(), deeds: 0 }
    }

    fn hear(&mut self, topic: Topic, frame: &Bytes) {
        if self.heard.len() < HEARD_MAX {
            self.heard.push((topic, frame.clone()));
        } else {
            let place = self.chance.place(HEARD_MAX);
            self.heard[place] = (topic, frame.clone());
        }
    }

    /// An envelope that was heard, with the topic on which it was.
    fn heard_envelope(&mut self) -> Option<(Topic, Bytes)> {
        let (topic, frame) = self.chance.pick(&self.heard)?.clone();
        let bundle = Bundle::decode(&frame).ok()?;
        Some((topic, self.chance.pick(&bundle.envelopes)?.clone()))
    }

    /// An envelope that nobody signed: bytes changed, or another's name over an own signature.
    fn forgery(&mut self) -> Option<(Topic, Bytes)> {
        let (topic, bytes) = self.heard_envelope()?;
        if self.chance.per_mille(500) {
            let mut forged = bytes.to_vec();
            let place = self.chance.place(forged.len());
            let bit = self.chance.below(8);
            forged[place] ^= 1 << bit;
            return Some((topic, forged.into()));
        }
        let envelope = Envelope::decode(bytes).ok()?;
        let header = envelope.header();
        let draft = Draft {
            network: header.network,
            author: header.author,
            auth: header.auth,
            scope: header.scope.clone(),
            epoch: header.epoch,
            seq: header.seq + 1,
            prev: Some(envelope.id()),
            time_ms: header.time_ms,
            kind: header.kind,
            body: envelope.body()?.to_vec(),
        };
        Some((topic, draft.try_sign(&self.cast.node.key).ok()?.bytes().clone()))
    }

    /// Several envelopes of one agent for one place, and the identities that make them good.
    fn rivals(&mut self, now: TimeMs, count: u64) -> (Vec<Verified<Envelope>>, Vec<Bytes>) {
        let agents = &self.cast.agents;
        let place = self.chance.place(agents.len());
        let agent: &TestAgent = &agents[place];
        if self.writers.is_empty() {
            self.writers = agents.iter().map(|agent| writer_of(agent, "c/general", now)).collect();
        }
        let writer = &mut self.writers[place];
        writer.time_ms = writer.time_ms.max(now);
        let first = Epoch::first_of(writer.time_ms);
        if first.week() > writer.epoch.week() {
            (writer.epoch, writer.seq) = (first, 0);
        }
        let time_ms = writer.time_ms;
        let before = writer.clone();
        let mut rivals = Vec::new();
        for number in 0..count {
            let mut rival = before.clone();
            rivals.push(rival.post(&format!("rival {number} of {}", self.deeds)));
            *writer = rival;
        }
        writer.time_ms = time_ms;
        let identities = [&self.cast.node.genesis, &agent.genesis].map(|genesis| genesis.bytes().clone());
        (rivals, identities.to_vec())
    }

    /// An envelope of an author of whom nobody will ever hear more.
    fn stranger(&mut self, now: TimeMs) -> Verified<Envelope> {
        let key = SecretKey::from_seed(self.chance.bytes32());
        let author = AuthorId(self.chance.bytes32());
        let auth = tidepool_protocol::EnvelopeId(self.chance.bytes32());
        let scope: Scope = "c/general".parse().expect("a community of the development network");
        let mut writer = Writer::new(author, auth, &key, scope);
        (writer.epoch, writer.time_ms) = (Epoch::first_of(now), now);
        writer.post("who am I")
    }
}

fn writer_of(agent: &TestAgent, scope: &str, now: TimeMs) -> Writer {
    let scope = scope.parse().expect("a community of the development network");
    let mut writer = Writer::new(agent.author(), agent.state.operation, &agent.key, scope);
    (writer.epoch, writer.time_ms) = (Epoch::first_of(now), now);
    writer
}

fn bundle(envelopes: Vec<Bytes>, identities: Vec<Bytes>) -> Bytes {
    Bundle { envelopes, identities }.encode()
}

impl World<'_> {
    /// Lets hostile peers in: they join every topic, and act from now on.
    pub(crate) fn let_hostile_in(&mut self) {
        for number in 0..self.hostile.len() {
            let at = self.members.len() + number;
            self.places[at].up = true;
            self.places[at].life += 1;
            for topic in tidepool_kernel::Coverage::Archive.topics(&self.genesis) {
                self.join(at, topic);
            }
            self.dial_all(at);
            self.later(at, MISCHIEF_MS.1, Event::Mischief);
        }
    }

    pub(crate) fn hostile_hears(&mut self, at: usize, topic: Topic, frame: &Bytes) {
        let number = at - self.members.len();
        self.hostile[number].hear(topic, frame);
    }

    pub(crate) fn mischief(&mut self, at: usize) {
        if self.healed {
            return;
        }
        let number = at - self.members.len();
        let now = self.true_time();
        let hostile = &mut self.hostile[number];
        hostile.deeds += 1;
        let (low, high) = MISCHIEF_MS;
        let next = hostile.chance.between(low, high);
        let kind = hostile.kind;
        match kind {
            HostileKind::Forge => {
                if let Some((topic, forged)) = hostile.forgery() {
                    self.coverage.count("forged envelopes sent");
                    self.send_some(at, topic, &bundle(vec![forged], Vec::new()));
                }
            }
            HostileKind::Replay => self.replay(at, number),
            // Now and then: what it signs is good, and every node has to keep two of each.
            HostileKind::Fork if !hostile.deeds.is_multiple_of(4) => {}
            HostileKind::Fork => {
                let (rivals, identities) = hostile.rivals(now, RIVALS);
                self.show_rivals(at, &rivals, &identities);
            }
            HostileKind::Flood if !hostile.deeds.is_multiple_of(6) => {}
            HostileKind::Flood => self.flood(at, number, now),
            // These harm by what they answer.
            HostileKind::Withhold | HostileKind::Lie => {}
        }
        self.later(at, next, Event::Mischief);
    }

    /// Sends a frame to some of those that a hostile peer is connected to.
    fn send_some(&mut self, at: usize, topic: Topic, frame: &Bytes) {
        let near: Vec<usize> = self.places[at].near.iter().copied().filter(|to| self.is_honest(*to)).collect();
        for to in self.delivery.some(&near, 3) {
            self.push_frame(at, to, topic, frame);
        }
    }

    fn replay(&mut self, at: usize, number: usize) {
        let hostile = &mut self.hostile[number];
        let how = hostile.chance.below(3);
        let Some((topic, frame)) = hostile.chance.pick(&hostile.heard).cloned() else { return };
        let (topic, frame) = match how {
            // As it was.
            0 => (topic, frame),
            // On another topic.
            1 => (other_topic(topic), frame),
            // In other company, so that gossip does not know it.
            _ => {
                let mut envelopes = Vec::new();
                for _ in 0..4 {
                    envelopes.extend(hostile.heard_envelope().filter(|(on, _)| *on == topic).map(|(_, bytes)| bytes));
                }
                if envelopes.is_empty() {
                    return;
                }
                (topic, bundle(envelopes, Vec::new()))
            }
        };
        self.coverage.count("frames replayed");
        self.send_some(at, topic, &frame);
    }

    fn show_rivals(&mut self, at: usize, rivals: &[Verified<Envelope>], identities: &[Bytes]) {
        let near: Vec<usize> = self.places[at].near.iter().copied().filter(|to| self.is_honest(*to)).collect();
        for to in near {
            if let Some(rival) = self.delivery.pick(rivals) {
                self.coverage.count("rivals shown");
                let topic = topic_of(rival.header().kind, &rival.header().scope, self.genesis.params.shards);
                self.push_frame(at, to, topic, &bundle(vec![rival.bytes().clone()], identities.to_vec()));
            }
        }
    }

    fn flood(&mut self, at: usize, number: usize, now: TimeMs) {
        let near: Vec<usize> = self.places[at].near.iter().copied().filter(|to| self.is_honest(*to)).collect();
        let Some(to) = self.delivery.pick(&near).copied() else { return };
        for _ in 0..FLOOD_FRAMES {
            let hostile = &mut self.hostile[number];
            let envelope = hostile.stranger(now);
            let header = envelope.header();
            let topic = topic_of(header.kind, &header.scope, self.genesis.params.shards);
            let frame = if hostile.chance.per_mille(300) {
                Bytes::from(hostile.chance.bytes32().to_vec())
            } else {
                bundle(vec![envelope.bytes().clone()], Vec::new())
            };
            self.coverage.count("frames of a flood");
            self.push_frame(at, to, topic, &frame);
        }
        let runs = vec![SlotRun { first: Slot::CTL, last: Slot::CTL, class: Class::State, from: TimeMs(0) }];
        let slot = Slot::of(b"general");
        for number in 0..FLOOD_REQUESTS {
            let request = match number % 2 {
                0 => SyncRequest::Digest(runs.clone()),
                _ => SyncRequest::Range { slot, class: Class::Content, range: Range::ALL, bytes: 65_536 },
            };
            self.coverage.count("requests of a flood");
            let (request, channel) = (request.encode(), Channel(self.number()));
            let ms = self.delay(to);
            self.later(to, ms, Event::Ask { from: at, request: RequestId(number), channel, frame: request });
        }
    }
}

/// The topic on which an envelope of `kind` in `scope` travels.
fn topic_of(kind: Kind, scope: &Scope, shards: u16) -> Topic {
    match Shard::of(kind.slot(scope), shards) {
        Some(shard) => Topic::Shard { generation: 0, shard },
        None => Topic::Ctl,
    }
}

fn other_topic(topic: Topic) -> Topic {
    match topic {
        Topic::Shard { generation, shard: Shard(0) } => Topic::Shard { generation, shard: Shard(1) },
        Topic::Shard { .. } | Topic::Ctl => Topic::Shard { generation: 0, shard: Shard(0) },
    }
}

/// The key of a hostile peer, for claims that it makes.
fn public(key: &SecretKey) -> tidepool_protocol::PublicKey {
    key.public_key()
}
