//! The queue in front of the verifying threads: bounded, in order of importance, and fair among peers.

use crate::local::Ticket;
use crate::peer::Peer;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

/// Whose envelopes wait apart from gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What agents at home here signed themselves: before all else.
    Local,
    /// What peers answered to our requests: in turn with gossip, so that a peer that serves without end holds up nobody else.
    Answer,
}

/// Envelopes on their way to the verifying threads.
#[derive(Debug)]
struct Work {
    ticket: Ticket,
    envelopes: Vec<Bytes>,
}

/// The frames of one peer that wait.
#[derive(Debug, Default)]
struct Frames {
    works: VecDeque<Work>,
    envelopes: usize,
}

/// The queue. How many wait in the lanes is bounded by their owners: local requests and sync sessions. Frames of gossip wait
/// by peer, and peers take turns: who fills the room waits behind itself.
///
/// A part of an answer has at most 128 envelopes, and so has a frame.
#[derive(Debug)]
pub(crate) struct Verifier {
    under_way: usize,
    under_way_max: usize,
    gossip_max: usize,
    gossip: usize,
    lanes: [VecDeque<Work>; 2],
    frames: BTreeMap<Peer, Frames>,
    /// The peer whose turn was last.
    last: Option<Peer>,
    answer_was_last: bool,
}

impl Verifier {
    pub(crate) const fn new(under_way_max: usize, gossip_max: usize) -> Self {
        Self {
            under_way: 0,
            under_way_max,
            gossip_max,
            gossip: 0,
            lanes: [VecDeque::new(), VecDeque::new()],
            frames: BTreeMap::new(),
            last: None,
            answer_was_last: false,
        }
    }

    /// Queues `envelopes` that are no gossip.
    pub(crate) fn push(&mut self, lane: Lane, ticket: Ticket, envelopes: Vec<Bytes>) {
        let place = match lane {
            Lane::Local => 0,
            Lane::Answer => 1,
        };
        self.lanes[place].push_back(Work { ticket, envelopes });
    }

    /// Queues the envelopes of a frame of `from`. Returns the frames that are dropped because there is no room: the newest
    /// of whoever has most waiting.
    pub(crate) fn push_frame(&mut self, from: Peer, ticket: Ticket, envelopes: Vec<Bytes>) -> Vec<Ticket> {
        let frames = self.frames.entry(from).or_default();
        frames.envelopes += envelopes.len();
        self.gossip += envelopes.len();
        frames.works.push_back(Work { ticket, envelopes });
        let mut dropped = Vec::new();
        while self.gossip > self.gossip_max {
            let most = self.frames.iter().max_by_key(|(_, frames)| frames.envelopes).map(|(peer, _)| *peer);
            let Some(work) = most.and_then(|peer| self.take(peer, VecDeque::pop_back)) else { break };
            dropped.push(work.ticket);
        }
        dropped
    }

    fn take(&mut self, peer: Peer, which: fn(&mut VecDeque<Work>) -> Option<Work>) -> Option<Work> {
        let frames = self.frames.get_mut(&peer)?;
        let work = which(&mut frames.works)?;
        frames.envelopes -= work.envelopes.len();
        self.gossip -= work.envelopes.len();
        if frames.works.is_empty() {
            self.frames.remove(&peer);
        }
        Some(work)
    }

    /// The next to verify, while there is room under way.
    pub(crate) fn next(&mut self) -> Option<(Ticket, Vec<Bytes>)> {
        if self.under_way >= self.under_way_max {
            return None;
        }
        let [local, answers] = &mut self.lanes;
        let work = match local.pop_front() {
            Some(work) => work,
            None if self.answer_was_last && self.gossip > 0 => self.next_frame()?,
            None => match answers.pop_front() {
                Some(work) => {
                    self.answer_was_last = true;
                    work
                }
                None => self.next_frame()?,
            },
        };
        self.under_way += work.envelopes.len();
        Some((work.ticket, work.envelopes))
    }

    fn next_frame(&mut self) -> Option<Work> {
        self.answer_was_last = false;
        let behind = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let peer = self.frames.range((behind, Bound::Unbounded)).next().or_else(|| self.frames.iter().next());
        let peer = *peer?.0;
        self.last = Some(peer);
        self.take(peer, VecDeque::pop_front)
    }

    /// So many came back.
    pub(crate) const fn done(&mut self, count: usize) {
        self.under_way = self.under_way.saturating_sub(count);
    }
}
