//! Gossip as gossipsub does it, with its queues: a mesh of eight for each topic, frames forwarded on `Accept` only, names of
//! recent frames to peers outside the mesh once a second, and what was missed asked for by name.
//!
//! Left out: scores, IDONTWANT, and the cost of control messages. A node that is quiet costs nothing: its heartbeat stops
//! when no frame is recent.

use crate::queue::Event;
use crate::world::{Judged, World};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tidepool_kernel::{GossipId, Input, PublishOutcome};
use tidepool_protocol::ids::{Hash, sha256};
use tidepool_protocol::slot::Topic;

/// Peers of a mesh: grafted below the lowest, up to the middle; others graft up to the highest.
const MESH_LOW: usize = 4;
const MESH: usize = 8;
const MESH_HIGH: usize = 12;

/// Peers outside the mesh that are told of recent frames at each heartbeat.
const LAZY: usize = 6;

/// Between two heartbeats, in milliseconds.
const HEARTBEAT_MS: u64 = 1_000;

/// How long a frame is named to others, and how long it can be had, in milliseconds.
const NAMED_MS: u64 = 3_000;
const KEPT_MS: u64 = 12_000;

/// How long a frame is remembered, in milliseconds.
const SEEN_MS: u64 = 7 * 60 * 1_000;

/// Frames in one IHAVE.
const NAMES_MAX: usize = 600;

/// Of 1,000 lost frames, so many are lost at the receiver's door.
const TOLD_OF_LOSS: u64 = 100;

/// A frame that was seen anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FrameNo(usize);

#[derive(Debug)]
struct Frame {
    topic: Topic,
    bytes: Bytes,
    origin: usize,
    honest: bool,
}

/// All frames, each once.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    all: Vec<Frame>,
    of_hash: BTreeMap<Hash, FrameNo>,
}

impl Frames {
    fn intern(&mut self, topic: Topic, bytes: &Bytes, origin: usize, honest: bool) -> FrameNo {
        let tag = match topic {
            Topic::Shard { generation, shard } => [generation, u32::from(shard.0)],
            Topic::Ctl => [u32::MAX; 2],
        };
        let [a, b] = tag.map(u32::to_be_bytes);
        let next = FrameNo(self.all.len());
        let no = *self.of_hash.entry(sha256(&[&a, &b, bytes])).or_insert(next);
        if no == next {
            self.all.push(Frame { topic, bytes: bytes.clone(), origin, honest });
        }
        no
    }

    /// Whether an honest node made it.
    pub(crate) fn is_honest(&self, no: FrameNo) -> bool {
        self.all[no.0].honest
    }

    /// Who made it.
    pub(crate) fn origin(&self, no: FrameNo) -> usize {
        self.all[no.0].origin
    }

    fn content(&self, no: FrameNo) -> (Topic, Bytes) {
        let frame = &self.all[no.0];
        (frame.topic, frame.bytes.clone())
    }
}

/// What gossip holds at one place.
#[derive(Debug, Default)]
pub(crate) struct GossipSide {
    topics: BTreeSet<Topic>,
    meshes: BTreeMap<Topic, BTreeSet<usize>>,
    seen: BTreeSet<FrameNo>,
    seen_at: VecDeque<(u64, FrameNo)>,
    /// Frames that can be had here, since when.
    kept: BTreeMap<FrameNo, u64>,
    asked_for: BTreeSet<FrameNo>,
    beating: bool,
    /// For each peer, when the frames that wait for the link will have left.
    leaving: BTreeMap<usize, VecDeque<u64>>,
}

impl GossipSide {
    pub(crate) fn join(&mut self, topic: Topic) {
        self.topics.insert(topic);
    }

    pub(crate) fn leave(&mut self, topic: Topic) {
        self.topics.remove(&topic);
        self.meshes.remove(&topic);
    }

    pub(crate) fn joined(&self, topic: Topic) -> bool {
        self.topics.contains(&topic)
    }

    pub(crate) fn topics(&self) -> Vec<Topic> {
        self.topics.iter().copied().collect()
    }

    /// A peer is gone.
    pub(crate) fn forget(&mut self, peer: usize) {
        for mesh in self.meshes.values_mut() {
            mesh.remove(&peer);
        }
        self.leaving.remove(&peer);
    }

    /// Remembers a frame; `false` when it was seen before.
    fn see(&mut self, no: FrameNo, now: u64) -> bool {
        while let Some((since, old)) = self.seen_at.front().copied()
            && since + SEEN_MS < now
        {
            self.seen_at.pop_front();
            self.seen.remove(&old);
        }
        let new = self.seen.insert(no);
        if new {
            self.seen_at.push_back((now, no));
        }
        new
    }
}

impl World<'_> {
    /// Publishes a frame of an honest node.
    pub(crate) fn publish(&mut self, at: usize, topic: Topic, frame: &Bytes) -> PublishOutcome {
        let no = self.frames.intern(topic, frame, at, true);
        let now = self.now;
        if !self.places[at].gossip.see(no, now) {
            return PublishOutcome::Duplicate;
        }
        let mesh = self.mesh(at, topic);
        if mesh.is_empty() {
            // Nothing was sent, so the same bytes may be published again.
            self.places[at].gossip.seen.remove(&no);
            return PublishOutcome::NoPeers;
        }
        self.keep(at, no);
        let sent = mesh.into_iter().filter(|to| self.send(at, *to, no)).count();
        if sent == 0 { PublishOutcome::QueuesFull } else { PublishOutcome::Sent }
    }

    /// Sends a frame to one peer, whatever it is; for hostile peers.
    pub(crate) fn push_frame(&mut self, from: usize, to: usize, topic: Topic, frame: &Bytes) {
        let no = self.frames.intern(topic, frame, from, false);
        self.send(from, to, no);
    }

    /// The peers of a topic's mesh, grafted when they are too few. Both ends of a graft hold it.
    fn mesh(&mut self, at: usize, topic: Topic) -> Vec<usize> {
        let there = |world: &Self, peer: usize| {
            let place = &world.places[peer];
            world.places[at].near.contains(&peer) && place.near.contains(&at) && place.gossip.joined(topic)
        };
        let mesh = self.places[at].gossip.meshes.get(&topic).cloned().unwrap_or_default();
        let mut kept: BTreeSet<usize> = mesh.into_iter().filter(|peer| there(self, *peer)).collect();
        if kept.len() < MESH_LOW {
            let full = |world: &Self, peer: usize| {
                world.places[peer].gossip.meshes.get(&topic).is_some_and(|mesh| mesh.len() >= MESH_HIGH)
            };
            let near: Vec<usize> = self.places[at].near.iter().copied().collect();
            let free: Vec<usize> = near
                .into_iter()
                .filter(|peer| !kept.contains(peer) && there(self, *peer) && !full(self, *peer))
                .collect();
            for peer in self.delivery.some(&free, MESH - kept.len()) {
                kept.insert(peer);
                self.places[peer].gossip.meshes.entry(topic).or_default().insert(at);
            }
        }
        self.places[at].gossip.meshes.insert(topic, kept.clone());
        kept.into_iter().collect()
    }

    /// Puts a frame on a link; `false` when its queue is full.
    fn send(&mut self, from: usize, to: usize, no: FrameNo) -> bool {
        let links = &self.scenario.links;
        let (now, queue, rate) = (self.now, links.queue, links.bytes_per_ms);
        let bytes = u64::try_from(self.frames.all[no.0].bytes.len()).unwrap_or(u64::MAX);
        let leaving = self.places[from].gossip.leaving.entry(to).or_default();
        while leaving.front().is_some_and(|left| *left <= now) {
            leaving.pop_front();
        }
        if leaving.len() >= queue {
            self.coverage.count("frame dropped by a full queue");
            return false;
        }
        let free = leaving.back().copied().unwrap_or(now);
        let left = free + bytes / rate;
        leaving.push_back(left);
        self.coverage.add("frames sent", 1);
        self.coverage.add("bytes of frames sent", bytes);
        if self.is_lost(from, to) {
            self.told_of_loss(from, to);
            return true;
        }
        let ms = left - now + self.delay(to);
        self.later(to, ms, Event::Frame { from, frame: no, again: false });
        if self.is_doubled() {
            let ms = ms + self.delay(to);
            self.later(to, ms, Event::Frame { from, frame: no, again: true });
        }
        true
    }

    /// Some of what is lost is lost at the receiver's own door, for want of room, and its node is told so.
    fn told_of_loss(&mut self, from: usize, to: usize) {
        let arrives = self.is_honest(to) && self.linked(from, to) && !self.apart(from, to);
        if arrives && self.delivery.per_mille(TOLD_OF_LOSS) {
            self.coverage.count("frame dropped at the door");
            let ms = self.delay(to);
            self.later(to, ms, Event::Input(Input::GossipDropped));
        }
    }

    pub(crate) fn frame_comes(&mut self, at: usize, from: usize, no: FrameNo, again: bool) {
        let (topic, bytes) = self.frames.content(no);
        let now = self.now;
        let side = &mut self.places[at].gossip;
        if !side.joined(topic) {
            return;
        }
        // A frame that comes again behind the cache's back is what a restart or a long delay makes of it.
        if !side.see(no, now) && !again {
            self.coverage.count("frame known to gossip");
            return;
        }
        side.asked_for.remove(&no);
        if !self.is_honest(at) {
            self.hostile_hears(at, topic, &bytes);
            return;
        }
        let id = GossipId(self.number());
        let peer = self.places[from].key;
        self.members[at].frames.insert(id, Judged { from, frame: no, since: now });
        self.step(at, Input::Gossip { id, from: peer, topic, frame: bytes });
    }

    /// A node accepts a frame: its mesh gets it, unless the verdict came too late.
    pub(crate) fn accepted(&mut self, at: usize, judged: Judged) {
        if self.now - judged.since > KEPT_MS {
            self.coverage.count("verdict too late");
            return;
        }
        self.coverage.count("frame accepted");
        let (topic, _) = self.frames.content(judged.frame);
        self.keep(at, judged.frame);
        for to in self.mesh(at, topic) {
            if to != judged.from {
                self.send(at, to, judged.frame);
            }
        }
    }

    fn keep(&mut self, at: usize, no: FrameNo) {
        let now = self.now;
        let side = &mut self.places[at].gossip;
        side.kept.insert(no, now);
        if !std::mem::replace(&mut side.beating, true) {
            // Each place beats at moments of its own.
            let ms = 1 + (self.places[at].key.0[0] as u64 * 4 + HEARTBEAT_MS - now % HEARTBEAT_MS) % HEARTBEAT_MS;
            self.later(at, ms, Event::Heartbeat);
        }
    }

    pub(crate) fn heartbeat(&mut self, at: usize) {
        let now = self.now;
        let side = &mut self.places[at].gossip;
        side.kept.retain(|_, since| *since + KEPT_MS >= now);
        side.asked_for.clear();
        side.beating = !side.kept.is_empty();
        if !side.beating {
            return;
        }
        let mut recent: BTreeMap<Topic, Vec<FrameNo>> = BTreeMap::new();
        for (no, _) in side.kept.iter().filter(|(_, since)| **since + NAMED_MS >= now) {
            recent.entry(self.frames.all[no.0].topic).or_default().push(*no);
        }
        for (topic, mut names) in recent {
            names.truncate(NAMES_MAX);
            let mesh = self.mesh(at, topic);
            let near = self.places[at].near.iter().copied();
            let outside: Vec<usize> =
                near.filter(|peer| !mesh.contains(peer) && self.places[*peer].gossip.joined(topic)).collect();
            for to in self.delivery.some(&outside, LAZY) {
                self.coverage.count("frames named to others");
                if !self.is_lost(at, to) {
                    let ms = self.delay(to);
                    self.later(to, ms, Event::Have { from: at, frames: names.clone() });
                }
            }
        }
        self.later(at, HEARTBEAT_MS, Event::Heartbeat);
    }

    pub(crate) fn have_comes(&mut self, at: usize, from: usize, names: &[FrameNo]) {
        let side = &mut self.places[at].gossip;
        let new: Vec<FrameNo> =
            names.iter().copied().filter(|no| !side.seen.contains(no) && side.asked_for.insert(*no)).collect();
        if !new.is_empty() && !self.is_lost(at, from) {
            self.coverage.count("frames asked for by name");
            let ms = self.delay(from);
            self.later(from, ms, Event::Want { from: at, frames: new });
        }
    }

    pub(crate) fn want_comes(&mut self, at: usize, from: usize, names: &[FrameNo]) {
        let have: Vec<FrameNo> =
            names.iter().copied().filter(|no| self.places[at].gossip.kept.contains_key(no)).collect();
        for no in have {
            self.send(at, from, no);
        }
    }
}
